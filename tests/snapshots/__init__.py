"""What users of the project rely on, as text in files: the packages' interface, and the command line.

`python -m tests.snapshots` rewrites the files; `tests/test_snapshots.py` fails while a file differs.
"""

import difflib
from collections.abc import Callable
from pathlib import Path

from tests.snapshots import api, command_line

FOLDER = Path(__file__).parent
ACCEPT = "python -m tests.snapshots"
SNAPSHOTS: dict[str, Callable[[], str]] = {"api.txt": api.text, "command_line.txt": command_line.text}


def difference(before: str, now: str, name: str = "snapshot") -> str:
    """A unified diff of two texts; empty if they are equal."""
    lines = difflib.unified_diff(
        before.splitlines(), now.splitlines(), f"{name}, accepted", f"{name}, now", lineterm=""
    )
    return "\n".join(lines)


def accepted(name: str) -> str:
    """The text of a snapshot as it was last accepted; empty if it never was."""
    path = FOLDER / name
    return path.read_text(encoding="utf-8") if path.exists() else ""


def accept() -> list[Path]:
    """Rewrite the files; returns those that changed."""
    changed = []
    for name, text in SNAPSHOTS.items():
        now = text()
        if now != accepted(name):
            (FOLDER / name).write_text(now, encoding="utf-8")
            changed.append(FOLDER / name)
    return changed
