"""Images, followed by the image of each label: two streams through the same blocks."""

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from convff.contrasts.base import Layout, Passes, Scores
from convff.data import Batch


class LabelImages(Protocol):
    """What a stream requires of labels; see `labels.StreamLabels`."""

    num_classes: int

    def neutral(self, images: Tensor) -> Tensor:
        """Return images `[B, C, H, W]` that carry no label."""
        ...

    def label_images(self, images: Tensor) -> Tensor:
        """Return the image of every label `[K, C, H, W]`; of the images only shape, dtype and device matter."""
        ...


def images_apart(stream: LabelImages, images: Tensor) -> tuple[Tensor, Tensor]:
    """Return the images without a label `[B, C, H, W]`, and the image of every label `[K, C, H, W]`.

    Raises:
        TypeError: the labels have no images of their own.
    """
    if not hasattr(stream, "label_images"):
        raise TypeError(f"{type(stream).__name__} has no image of each label: wrap it in labels.StreamLabels")
    unlabelled = stream.neutral(images)
    return unlabelled, stream.label_images(unlabelled)


@dataclass(frozen=True, eq=False)
class LabelStream:
    """One pass per image, and one per label: B + K rows, the label images last (SigProp).

    Args:
        stream: makes the label images.

    Raises:
        TypeError: when called, if the labels have no images of their own.

    Example:
        >>> from labels import FourierLabels, StreamLabels
        >>> batch = Batch(torch.rand(4, 1, 8, 8), torch.tensor([0, 1, 2, 0]))
        >>> inputs, layout = LabelStream(StreamLabels(FourierLabels(3, (8, 8))))(batch, torch.Generator())
        >>> inputs.shape, layout.passes, layout.stream
        (torch.Size([7, 1, 8, 8]), 1, 3)

    Reference:
        Kohan, Rietman & Siegelmann 2022, "Signal Propagation: The Framework for Learning and Inference in a Forward
        Pass".
    """

    stream: LabelImages

    @property
    def labels(self) -> None:
        """None: no pass carries a label together with an image."""
        return

    def __call__(
        self, batch: Batch, generator: torch.Generator, scores: Scores | None = None, rows: slice = slice(None)
    ) -> Passes:
        """Make the passes, without any draw; see `Contrast`. Every process gets all label images."""
        inputs = torch.cat(images_apart(self.stream, batch.inputs[rows]))
        return Passes(inputs, Layout(batch.targets[rows], stream=self.stream.num_classes))
