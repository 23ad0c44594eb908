"""Figures that tests of trust measured, one line of JSON each, in the file that $CONVFF_TRUST_REPORT names."""

import json
import os
from pathlib import Path

VARIABLE = "CONVFF_TRUST_REPORT"


def report(name: str, asked: str, measured: str) -> None:
    """Note a figure, if a file is named to note it in.

    Args:
        name: what was tested.
        asked: what must hold.
        measured: what was found.
    """
    if path := os.environ.get(VARIABLE):
        line = json.dumps({"name": name, "asked": asked, "measured": measured})
        with Path(path).open("a", encoding="utf-8") as file:  # one write, so that lines of two processes do not mix
            file.write(f"{line}\n")
