"""Scripts of `experiments/`, run as from the command line."""

import runpy
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent.parent.parent / "experiments"


def run_script(name: str, *arguments: object) -> None:
    """Run a script in this process: one of its own would spend its time on imports; `tests/test_commands.py` has it."""
    script = str(FOLDER / f"{name}.py")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [script, *map(str, arguments)])
        runpy.run_path(script, run_name="__main__")
