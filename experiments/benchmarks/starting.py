"""What a command costs before it works."""

import os
import subprocess
import sys
from functools import partial
from pathlib import Path

from experiments.benchmarks.bench import Bench, Row

ROOT = Path(__file__).parent.parent.parent
SCRIPT = str(ROOT / "experiments" / "cifar10.py")
COMMANDS = {
    "torch, loaded": ["-c", "import torch"],
    "Python, started": ["-c", ""],
    "--help": [SCRIPT, "--help"],
    "a refusal": [SCRIPT, "--lr", "nan"],
}


def measure(bench: Bench) -> list[Row]:
    """Compare the start of `experiments/cifar10.py`, whose help and refusals load no torch, with the loading of it."""
    medians = bench.medians({name: partial(_run, given) for name, given in COMMANDS.items()})
    loading = medians["torch, loaded"]
    return [
        {"command": name, "s": seconds, "of the time to load torch": seconds / loading}
        for name, seconds in medians.items()
    ]


def _run(arguments: list[str]) -> None:
    """Run Python to its end; a refusal has code 2."""
    done = subprocess.run(
        [sys.executable, *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        check=False,
    )
    if done.returncode not in (0, 2):
        raise RuntimeError(f"{' '.join(arguments)} failed: {done.stderr.decode()}")
