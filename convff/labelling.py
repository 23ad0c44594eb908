"""Label protocols: what the method asks of labels, and how labelled images become one batch."""

from typing import Protocol, runtime_checkable

import torch
from einops import rearrange
from torch import Tensor, nn


class Labels(Protocol):
    """A label generator as the method sees it: a callable that knows its number of classes. See `labels.base`."""

    num_classes: int

    def __call__(self, images: Tensor, classes: Tensor) -> Tensor:
        """Images `[B, C, H, W]` and classes `[B, P]` to labelled images `[B, P, C', H, W]`."""
        ...

    def neutral(self, images: Tensor) -> Tensor:
        """Images `[B, C', H, W]` that carry no label."""
        ...


class Negatives(Protocol):
    """Draws the wrong labels of a batch."""

    def __call__(self, classes: Tensor, num_classes: int, generator: torch.Generator) -> Tensor:
        """Wrong classes int64 `[B, M]` for right classes `[B]`; never a right one."""
        ...


@runtime_checkable
class AdditiveLabels(Labels, Protocol):
    """Labels that add something of the class to something made of the image: waves, one-hot codes, label channels."""

    def bases(self, images: Tensor) -> Tensor:
        """What is made of images `[B, C, H, W]` alone, `[B, C', H, W]`: base plus summand is the labelled image."""
        ...

    def summands(self, images: Tensor) -> Tensor:
        """What each class adds, `[K, C', H, W]`; of the images `[B, C, H, W]` only shape, dtype and device matter."""
        ...


@runtime_checkable
class TrainableLabels(Labels, Protocol):
    """Labels with parameters of their own, which learn with the first block. See `convff.training.trainable_labels`."""

    def parameters(self) -> list[nn.Parameter]:
        """What learns; equal at the start in every process of a run."""
        ...

    def grads(self, classes: Tensor, inputs: Tensor) -> list[Tensor]:
        """What an optimiser subtracts from each parameter.

        Args:
            classes: int64 `[B, P]`, the label of each pass.
            inputs: `[B, P, C', H, W]`, what it would subtract from the labelled images.
        """
        ...


def label_passes(labels: Labels, images: Tensor, classes: Tensor) -> Tensor:
    """All passes of all images as one batch `[B*P, C', H, W]`.

    One batch, so that batch norm sees right and wrong labels together; in two, its statistics would differ between
    right and wrong and from those used in evaluation.
    """
    return rearrange(labels(images, classes), "b p c h w -> (b p) c h w")
