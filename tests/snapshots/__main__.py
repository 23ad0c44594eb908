"""Accept the interface as it is now: `python -m tests.snapshots`, from the folder of the repository."""

import sys

from tests.snapshots import accept

changed = accept()
sys.stdout.write("".join(f"rewritten: {path}\n" for path in changed) or "nothing has changed\n")
