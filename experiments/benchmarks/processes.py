"""One process compared with two."""

import tempfile
from pathlib import Path

import torch
from torch import Tensor

from experiments.benchmarks.bench import Bench, Row
from experiments.run.torchrun import start_processes


def measure(bench: Bench) -> list[Row]:
    """Compare one process with two on this machine: the same global batch of 64, 20 steps in float32, a thread each."""
    rows: list[Row] = []
    for rule in ("ff", "hebbff"):
        weights: list[Tensor] = []
        for count, overlap in ((1, True), (2, False), (2, True)):
            with tempfile.TemporaryDirectory() as folder:
                seconds, waited = _train_in(count, Path(folder), rule, overlap=overlap, small=bench.small)
                weights.append(torch.load(Path(folder) / "weights.pt", weights_only=True))
            difference = (weights[-1] - weights[0]).abs()
            rows.append(
                {
                    "rule": rule,
                    "sums by": "Gloo, on CPUs" if count > 1 else "-",  # whatever the device of the other sections
                    "processes": count,
                    "sums travel while the next block computes": overlap if count > 1 else "-",
                    "ms per step": 1e3 * seconds,
                    "ms waited per step": 1e3 * waited,
                    "largest weight difference to one process": difference.max().item(),
                    "share of weights within 1e-6": (difference <= 1e-6).float().mean().item(),
                }
            )
    return rows


def _train_in(count: int, folder: Path, rule: str, *, overlap: bool, small: bool) -> tuple[float, float]:
    """Return the median seconds per step, and the seconds per step that the first process waited for sums."""
    options = [str(folder), rule, str(int(overlap)), str(int(small))]
    started = start_processes(["-m", "experiments.benchmarks.process_worker", *options], count)
    printed = [process.communicate()[0] for process in started]
    if any(process.returncode for process in started):
        raise RuntimeError("a process of the benchmark failed; its message is above")
    step_seconds, waited = printed[0].split()[-2:]
    return float(step_seconds), float(waited)
