"""Label protocols: what the method requires of labels, and how labelled images form one batch."""

from typing import Protocol, runtime_checkable

import torch
from einops import rearrange
from torch import Tensor, nn

from convff.planar import WithPlanes


class Labels(Protocol):
    """A label generator as the method sees it: a callable that knows its number of classes. See `labels.base`."""

    num_classes: int

    def __call__(self, images: Tensor, classes: Tensor) -> Tensor:
        """Return labelled images `[B, P, C', H, W]` for images `[B, C, H, W]` and classes `[B, P]`."""
        ...

    def neutral(self, images: Tensor) -> Tensor:
        """Return images `[B, C', H, W]` that carry no label."""
        ...


class Negatives(Protocol):
    """Draws the wrong labels of a batch."""

    def __call__(self, classes: Tensor, num_classes: int, generator: torch.Generator) -> Tensor:
        """Return wrong classes, int64 `[B, M]`, for right classes `[B]`; never the right one."""
        ...


class ScoredNegatives(Protocol):
    """Draws the wrong labels of a batch by the network's class scores; it says so by `wants_scores`, which is true."""

    @property
    def wants_scores(self) -> bool:
        """Whether it must be given scores."""
        ...

    def __call__(
        self, classes: Tensor, num_classes: int, generator: torch.Generator, scores: Tensor | None = None
    ) -> Tensor:
        """Return wrong classes, int64 `[B, M]`, for right classes `[B]` and class scores `[B, K]`."""
        ...


@runtime_checkable
class AdditiveLabels(Labels, Protocol):
    """Labels that are a base from the image plus a summand from the class: waves, one-hot codes, label channels."""

    def bases(self, images: Tensor) -> Tensor:
        """Return the bases `[B, C', H, W]` of images `[B, C, H, W]`: base plus summand is the labelled image."""
        ...

    def summands(self, images: Tensor) -> Tensor:
        """Return what each class adds, `[K, C', H, W]`; only shape, dtype and device of `[B, C, H, W]` matter."""
        ...


@runtime_checkable
class ClassLabels(Labels, Protocol):
    """Labels that can write one class into all images, without reading classes from a tensor: morphology, echoes."""

    def of_class(self, images: Tensor, label: int) -> Tensor:
        """Return images `[B, C', H, W]` with one label for all."""
        ...


@runtime_checkable
class PlaneLabels(Labels, Protocol):
    """Labels that leave the image as it is and append planes, which may be constant; see `convff.planar`."""

    def constant_planes(self, images: Tensor, classes: Tensor) -> Tensor | None:
        """Return the values of the planes `[B, P, K]` for classes `[B, P]`; None if the planes are not constant."""
        ...


@runtime_checkable
class TrainableLabels(Labels, Protocol):
    """Labels with parameters, which are trained with the first block. See `convff.training.trainable_labels`."""

    def parameters(self) -> list[nn.Parameter]:
        """Return the trainable parameters; their initial values are equal in every process of a run."""
        ...

    def grads(self, classes: Tensor, inputs: Tensor) -> list[Tensor]:
        """Return the direction of each parameter, which an optimiser subtracts.

        Args:
            classes: int64 `[B, P]`, the label of each pass.
            inputs: `[B, P, C', H, W]`, the direction of the labelled images.
        """
        ...


def every_label(labels: Labels, images: Tensor) -> Tensor:
    """Return each image with every label, `[B, K, C', H, W]`, by tensor operations alone, for a graph of them.

    Labels that are neither `AdditiveLabels` nor `ClassLabels` are called with all classes.

    Args:
        labels: the label generator.
        images: float `[B, C, H, W]`.

    Example:
        >>> from labels import FourierLabels
        >>> every_label(FourierLabels(3, (8, 8)), torch.rand(2, 1, 8, 8)).shape
        torch.Size([2, 3, 1, 8, 8])
    """
    if isinstance(labels, AdditiveLabels):
        return labels.bases(images)[:, None] + labels.summands(images)
    if isinstance(labels, ClassLabels):
        return torch.stack([labels.of_class(images, label) for label in range(labels.num_classes)], dim=1)
    return labels(images, torch.arange(labels.num_classes, device=images.device).expand(images.shape[0], -1))


def label_passes(labels: Labels, images: Tensor, classes: Tensor) -> Tensor:
    """Return all passes of all images as one batch `[B*P, C', H, W]`; label planes that are constant take no memory.

    They form one batch so that batch norm sees right and wrong labels together. In two batches, its statistics would
    differ between right and wrong labels, and from those used in evaluation.

    Example:
        >>> from labels import FourierLabels
        >>> label_passes(FourierLabels(3, (8, 8)), torch.rand(2, 1, 8, 8), torch.tensor([[0, 1], [2, 0]])).shape
        torch.Size([4, 1, 8, 8])
    """
    planes = labels.constant_planes(images, classes) if isinstance(labels, PlaneLabels) else None
    if planes is not None:
        return WithPlanes(images, planes.flatten(0, 1))  # never laid out: a hundred planes would be most of the step
    return rearrange(labels(images, classes), "b p c h w -> (b p) c h w")
