"""What the method asks of labels, and how labelled images enter a network."""

from typing import Protocol

import torch
from torch import Tensor


class Labels(Protocol):
    """A label generator as the method sees it: a callable that knows its number of classes. See `labels.base`."""

    num_classes: int

    def __call__(self, images: Tensor, classes: Tensor) -> Tensor:
        """Images `[B, C, H, W]` and classes `[B, P]` to labelled images `[B, P, C', H, W]`."""
        ...

    def neutral(self, images: Tensor) -> Tensor:
        """Images `[B, C', H, W]` that carry no label."""
        ...


def label_passes(labels: Labels, images: Tensor, classes: Tensor) -> Tensor:
    """All passes of all images as one batch `[B*P, C', H, W]`, channels last in memory.

    One batch, so that batch norm sees right and wrong labels together; in two, its statistics would differ between
    right and wrong and from those used in evaluation.
    """
    passes = labels(images, classes).flatten(0, 1)
    return passes.contiguous(memory_format=torch.channels_last)
