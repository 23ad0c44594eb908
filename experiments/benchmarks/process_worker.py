"""One process of the benchmark's section about processes: 20 steps on noise."""

import statistics
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor

from convff import RULES, ImageData, Processes, Symmetric, Trainer, cnn6, keyed_generator
from experiments.config.presets import step_schedule
from experiments.run.torchrun import processes
from labels import FourierLabels

BATCH, STEPS = 64, 20


class Stopwatch:
    """A group of processes that measures how long this one waits for sums.

    Args:
        group: the processes.
        overlap: let sums travel while the next block computes, as in training; else wait for each at once.
    """

    def __init__(self, group: Processes, *, overlap: bool) -> None:
        self.group, self.size, self.rank, self.overlap = group, group.size, group.rank, overlap
        self.shard, self.prepare, self.wait, self.gather = group.shard, group.prepare, group.wait, group.gather
        self.waited: list[float] = []

    def start_sum(self, tensors: Iterable[Tensor], weight: float) -> Callable[[], None]:
        """Start a sum as the group does, and time the waiting."""
        finish = self.group.start_sum(tensors, weight)

        def timed() -> None:
            start = time.perf_counter()
            finish()
            self.waited.append(time.perf_counter() - start)

        if self.overlap:
            return timed
        timed()
        return lambda: None


def main(folder: Path, rule: str, *, overlap: bool, small: bool) -> None:
    """Train and save the weights; print the seconds per step and the seconds waited per step."""
    shape, widths = ((3, 8, 8), (4, 4)) if small else ((3, 32, 32), (32, 64, 64, 128, 128, 128))
    images = torch.randint(256, (BATCH * STEPS, *shape), generator=keyed_generator(0, "benchmark")).byte()
    data = ImageData(images, torch.arange(len(images)) % 4, tuple("abcd"), "noise")
    torch.manual_seed(0)
    net = cnn6(shape, widths=widths, pool_after=(1,) if small else (1, 2, 4))
    with processes(torch.device("cpu")) as group:
        watched = Stopwatch(group, overlap=overlap)
        trainer = Trainer(
            net,
            FourierLabels(4, shape[1:]),
            RULES[rule](gate=Symmetric(scale=32.0)),
            schedule=replace(step_schedule(rule), batch_size=BATCH),
            processes=watched,
        )
        ends = [time.perf_counter()]
        for _ in trainer.fit(data, progress=lambda images: ends.append(time.perf_counter())):
            pass
        if group.rank == 0:
            weights = torch.cat([parameter.detach().flatten() for parameter in net.parameters()])
            torch.save(weights, folder / "weights.pt")
            steps = [end - start for start, end in pairwise(ends)]
            print(statistics.median(steps), sum(watched.waited) / STEPS)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], overlap=sys.argv[3] == "1", small=sys.argv[4] == "1")
