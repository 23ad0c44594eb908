"""What a contrast is: from a batch to the passes of a step, which carry their own layout."""

from collections.abc import Callable
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from convff.data import Batch
from convff.labelling import Labels

Scores = Callable[[Tensor], Tensor]
"""Images `[B, C, H, W]` to class scores `[B, K]` of the network as it is; for contrasts that choose hard negatives."""


class Layout(NamedTuple):
    """What the rows of a step are: `N = B * P + S`, the P passes of image 0 first, then those of image 1, and so on.

    P is 2 or more for labelled copies of each image, and 1 for images alone. The last S rows are label images, where
    labels go through the network as a stream of their own.

    Args:
        targets: what the data call right, int64 `[B]`: a class per image.
        labels: the label in each pass, int64 `[B, P]`; None where no pass carries a label.
        passes: P.
        stream: S.
        label_images: an image of each label `[K, C, H, W]`, for blocks that bring it in on their own; else None.

    Example:
        >>> layout = Layout(targets=torch.tensor([1, 0]), passes=2)
        >>> layout.by_image(torch.tensor([10.0, 11.0, 20.0, 21.0]))
        tensor([[10., 11.],
                [20., 21.]])
        >>> layout.rows
        4
    """

    targets: Tensor
    labels: Tensor | None = None
    passes: int = 1
    stream: int = 0
    label_images: Tensor | None = None

    @property
    def rows(self) -> int:
        """N."""
        return len(self.targets) * self.passes + self.stream

    def by_image(self, values: Tensor) -> Tensor:
        """Return the values `[N, ...]` of the passes as `[B, P, ...]`, without those of the stream."""
        count = len(self.targets) * self.passes
        return values[:count].view(len(self.targets), self.passes, *values.shape[1:])

    def of_stream(self, values: Tensor) -> Tensor:
        """Return the values `[S, ...]` of the label images, out of `[N, ...]`."""
        return values[len(self.targets) * self.passes :]


class Passes(NamedTuple):
    """What goes through the network in a step.

    Args:
        inputs: float `[N, C', H, W]`.
        layout: what each of its rows is.
    """

    inputs: Tensor
    layout: Layout


class Contrast(Protocol):
    """Makes the passes of a step: what a network shall tell apart."""

    @property
    def labels(self) -> Labels | None:
        """The labels that its passes carry; None if they carry none."""
        ...

    def __call__(
        self, batch: Batch, generator: torch.Generator, scores: Scores | None = None, rows: slice = slice(None)
    ) -> Passes:
        """Make the passes.

        Args:
            batch: the whole batch, of B images.
            generator: the source of every draw.
            scores: class scores of images by the network as it is; None where there are none to be had.
            rows: the images whose passes are wanted. Several processes each take a part of the batch: all draw for the
                whole batch, so that the draws do not depend on their number, and build the passes of their own part.
        """
        ...
