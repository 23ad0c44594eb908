"""Which wrong labels an image is paired with."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class RandomNegatives:
    """`count` different wrong classes an image, each as likely as any other (Scodellaro et al. 2025, Methods).

    A wrong class is the right one shifted by 1 to K-1 around the circle of classes, so it is never the right one.

    Args:
        count: wrong labels an image.

    Raises:
        ValueError: `count` is less than 1, or (when called) more than there are wrong classes.

    Example:
        >>> RandomNegatives()(torch.tensor([0, 1]), 2, torch.Generator())
        tensor([[1],
                [0]])
    """

    count: int = 1

    def __post_init__(self) -> None:
        if self.count < 1:
            raise ValueError(f"an image needs at least 1 wrong label, not {self.count}")

    def __call__(self, classes: Tensor, num_classes: int, generator: torch.Generator) -> Tensor:
        """Wrong classes int64 `[B, count]`, on the device of `classes`."""
        if self.count > num_classes - 1:
            raise ValueError(f"{self.count} wrong labels an image, but there are {num_classes - 1} wrong classes")
        size = (len(classes), num_classes - 1)
        if self.count == 1:
            shifts = torch.randint(num_classes - 1, (len(classes), 1), generator=generator)
        else:
            shifts = torch.rand(size, generator=generator).argsort(dim=1)[:, : self.count]
        return (classes[:, None] + 1 + shifts.to(classes.device)) % num_classes
