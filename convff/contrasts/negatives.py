"""Wrong labels to pair an image with, drawn at random."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class RandomNegatives:
    """`count` different wrong classes per image, all equally likely (Scodellaro et al. 2025, Methods).

    A wrong class is the right one plus 1 to K-1, modulo K, so it is never the right one.

    Args:
        count: wrong labels per image.

    Raises:
        ValueError: `count` is less than 1 or, when called, greater than K-1.

    Example:
        >>> RandomNegatives()(torch.tensor([0, 1]), 2, torch.Generator())
        tensor([[1],
                [0]])
    """

    count: int = 1

    def __post_init__(self) -> None:
        if self.count < 1:
            raise ValueError(f"an image needs at least 1 wrong label, got {self.count}")

    def __call__(self, classes: Tensor, num_classes: int, generator: torch.Generator) -> Tensor:
        """Return wrong classes, int64 `[B, count]`, on the device of `classes`."""
        if self.count > num_classes - 1:
            raise ValueError(f"{self.count} wrong labels per image, but there are {num_classes - 1} wrong classes")
        size = (len(classes), num_classes - 1)
        if self.count == 1:
            shifts = torch.randint(num_classes - 1, (len(classes), 1), generator=generator)
        else:
            shifts = torch.rand(size, generator=generator).argsort(dim=1)[:, : self.count]
        return (classes[:, None] + 1 + shifts.to(classes.device)) % num_classes
