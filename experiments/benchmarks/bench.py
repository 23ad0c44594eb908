"""Where and how the benchmark measures."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch

from convff import ImageData, fastest_precision, keyed_generator
from experiments.tools.clock import interleaved_medians

Row = dict[str, Any]
CLASSES = 10


@dataclass(frozen=True)
class Bench:
    """Where and how to measure.

    Args:
        device: where to compute.
        repeats: rounds per median.
        batch_size: images per step.
        small: tiny networks instead of the real ones, for the tests.
    """

    device: torch.device
    repeats: int
    batch_size: int
    small: bool = False
    precision: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "precision", fastest_precision(self.device))

    def medians(self, actions: dict[str, Callable[[], object]]) -> dict[str, float]:
        """Return the median seconds of each action.

        Example:
            >>> Bench(torch.device("cpu"), 1, 2).medians({"nothing": lambda: None})["nothing"] < 1e-3
            True
        """
        return interleaved_medians(actions, self.device, repeats=self.repeats)

    def images(self, count: int, shape: tuple[int, int, int]) -> ImageData:
        """Return noise with random classes.

        Example:
            >>> Bench(torch.device("cpu"), 1, 2).images(4, (1, 8, 8)).shape
            (1, 8, 8)
        """
        generator = keyed_generator(0, "benchmark")
        images = torch.randint(256, (count, *shape), generator=generator).byte()
        classes = torch.randint(CLASSES, (count,), generator=generator)
        return ImageData(images, classes, tuple(map(str, range(CLASSES))), "noise").to(self.device)
