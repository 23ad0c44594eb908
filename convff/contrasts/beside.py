"""Images alone, and the images of all labels for blocks that add them themselves."""

from dataclasses import dataclass

import torch

from convff.contrasts.base import Layout, Passes, Scores
from convff.contrasts.stream import LabelImages, images_apart
from convff.data import Batch


@dataclass(frozen=True, eq=False)
class LabelsBeside:
    """One pass per image, and the label images in the layout: no pass carries a label or is a label image.

    Args:
        stream: makes the label images.

    Raises:
        TypeError: when called, if the labels have no images of their own.

    Example:
        >>> from labels import FourierLabels, StreamLabels
        >>> batch = Batch(torch.rand(4, 1, 8, 8), torch.tensor([0, 1, 2, 0]))
        >>> inputs, layout = LabelsBeside(StreamLabels(FourierLabels(3, (8, 8))))(batch, torch.Generator())
        >>> inputs.shape, layout.label_images.shape
        (torch.Size([4, 1, 8, 8]), torch.Size([3, 1, 8, 8]))
    """

    stream: LabelImages

    @property
    def labels(self) -> None:
        """None: no pass carries a label together with an image."""
        return

    def __call__(
        self, batch: Batch, generator: torch.Generator, scores: Scores | None = None, rows: slice = slice(None)
    ) -> Passes:
        """Make the passes, without any draw; see `Contrast`."""
        images, of_labels = images_apart(self.stream, batch.inputs[rows])
        return Passes(images, Layout(batch.targets[rows], label_images=of_labels))
