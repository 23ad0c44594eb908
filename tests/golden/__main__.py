"""Print the exact bits of every case; `--accept` today's losses; or compare with another commit, `--against COMMIT`."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.golden.cases import CASES, fingerprint, losses, whole_training
from tests.golden.files import EXPECTED, rounded

ROOT = Path(__file__).parent.parent.parent


def fingerprints() -> dict[str, str]:
    """Case name to a hash of all its bits."""
    found = {name: fingerprint(losses(case)) for name, case in CASES.items()}
    return found | {"whole trainings with readout and inference": fingerprint(whole_training())}


def accept() -> None:
    """Write today's losses as the golden ones."""
    kept = {name: rounded(losses(case)) for name, case in CASES.items() if case.precision == "float64"}
    EXPECTED.write_text(json.dumps(kept, indent=1) + "\n")


def against(commit: str) -> bool:
    """Run the cases of another commit with its own code; whether all cases that both have are equal to the bit."""
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "tree"
        subprocess.run(["git", "worktree", "add", "--quiet", "--detach", tree, commit], cwd=ROOT, check=True)
        try:
            before = json.loads(
                subprocess.run(
                    [sys.executable, "-m", "tests.golden"],
                    cwd=tree,
                    env=os.environ | {"PYTHONPATH": str(tree)},
                    check=True,
                    capture_output=True,
                    text=True,
                ).stdout
            )
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", tree], cwd=ROOT, check=True)
    now = fingerprints()
    for name in before.keys() | now.keys():
        if name not in now or name not in before:
            print(f"only {'now' if name in now else 'before'}: {name}")
    different = [name for name in now if before.get(name, now[name]) != now[name]]
    print(f"{len(now.keys() & before.keys()) - len(different)} cases equal to the bit")
    for name in different:
        print(f"different: {name}")
    return not different


if __name__ == "__main__":
    match sys.argv[1:]:
        case []:
            print(json.dumps(fingerprints(), indent=1))
        case ["--accept"]:
            accept()
        case ["--against", commit]:
            sys.exit(not against(commit))
        case _:
            sys.exit("usage: python -m tests.golden [--accept | --against COMMIT]")
