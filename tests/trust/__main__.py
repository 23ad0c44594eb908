"""Run the tests of trust and print what was asked and what was measured: `python -m tests.trust` (`make trust`).

The fifteen properties are those that users of a package of trustworthy numbers rely on. Each is a list of tests; those
that measure a figure note it by `tests.trust.report`.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.trust.report import VARIABLE

ROOT = Path(__file__).parent.parent.parent
PROPERTIES: dict[str, tuple[str, ...]] = {
    "exact resume after kill -9": ("tests/trust/test_resume.py", "tests/convff/training/test_resume.py"),
    "files are whole or absent; full disks; damage; hostile files": (
        "tests/trust/test_files.py",
        "tests/convff/test_files.py",
    ),
    "data plan: order, labels and negatives depend on the seed alone": (
        "tests/convff/contrasts",
        "tests/convff/training/test_trainer.py",
        "tests/trust/test_plan.py",
    ),
    "equal bits from equal settings": (
        "tests/experiments/run/test_train.py::test_same_seed_same_bits_and_another_seed_another_net",
    ),
    "several processes": ("tests/convff/machine/test_processes.py", "tests/experiments/run/test_torchrun.py"),
    "locality": ("tests/convff/training/test_locality.py", "tests/convff/places/test_leaks.py"),
    "rules against automatic differentiation": ("tests/convff/rules",),
    "negatives are never right": ("tests/convff/contrasts/test_negatives.py",),
    "label generators": ("tests/labels",),
    "maps add up": ("tests/cam",),
    "nan, and memory that runs out": ("tests/convff/training/test_health.py", "tests/convff/training/test_halving.py"),
    "bad data": ("tests/trust/test_data.py", "tests/experiments/datasets"),
    "bad settings": ("tests/trust/test_settings.py",),
    "random input": ("tests/trust/test_fuzz.py",),
    "documented commands": ("tests/test_readme.py",),
}


def run(tests: tuple[str, ...], figures: Path) -> tuple[bool, str]:
    """Run tests, the slow ones too; whether all passed, and the last line of pytest."""
    command = [sys.executable, "-m", "pytest", "-q", "-m", "not gpu", *tests]
    environment = os.environ | {VARIABLE: str(figures)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    lines = done.stdout.strip().splitlines()
    if done.returncode:
        sys.stderr.write(done.stdout + done.stderr)
    return done.returncode == 0, lines[-1] if lines else "nothing ran"


def main() -> int:
    """Print a line per property, and below it the figures; the exit status says whether all passed."""
    failed = 0
    print("| property or figure | asked | measured |\n|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for number, (name, tests) in enumerate(PROPERTIES.items(), start=1):
            figures = Path(folder) / f"{number}.jsonl"
            passed, summary = run(tests, figures)
            failed += not passed
            print(f"| **{number}. {name}** | all pass | {'' if passed else 'FAILED: '}{summary} |", flush=True)
            for line in figures.read_text(encoding="utf-8").splitlines() if figures.exists() else []:
                found = json.loads(line)
                print(f"| {found['name']} | {found['asked']} | {found['measured']} |", flush=True)
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
