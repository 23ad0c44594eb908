"""Protocol of a contrast: it turns a batch into the passes of a step and their layout."""

from collections.abc import Callable
from typing import NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor

from convff.data import Batch
from convff.labelling import Labels

Scores = Callable[[Tensor], Tensor]
"""Maps images `[B, C, H, W]` to the network's current class scores `[B, K]`; for contrasts with hard negatives."""


class Layout(NamedTuple):
    """What each of the `N = B * P + S` rows of a step is: the P passes of image 0, then those of image 1, and so on.

    P is 2 or more for labelled copies of each image, and 1 for images alone. The last S rows are label images, if
    labels go through the network as a stream.

    Args:
        targets: the right class of each image, int64 `[B]`.
        labels: the label in each pass, int64 `[B, P]`; None if no pass carries a label.
        passes: P.
        stream: S.
        label_images: the image of each label `[K, C, H, W]`, for blocks that add it themselves; otherwise None.

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
        """The number of rows N."""
        return len(self.targets) * self.passes + self.stream

    def by_image(self, values: Tensor) -> Tensor:
        """Return the values `[N, ...]` of the passes as `[B, P, ...]`, without the stream."""
        count = self.targets.shape[0] * self.passes
        return values[:count].view(self.targets.shape[0], self.passes, *values.shape[1:])

    def of_stream(self, values: Tensor) -> Tensor:
        """Return the values `[S, ...]` of the label images, out of `[N, ...]`."""
        return values[self.targets.shape[0] * self.passes :]


class Passes(NamedTuple):
    """What goes through the network in a step.

    Args:
        inputs: float `[N, C', H, W]`.
        layout: what each of its rows is.
    """

    inputs: Tensor
    layout: Layout


class Contrast(Protocol):
    """Makes the passes of a step, which a network learns to tell apart.

    Optional members are `wants_scores`, which is true if it must be given scores, and two for a contrast that learns
    which passes are hard, see `memory_of`: `memory`, tensors by name, and `observe(layout, goodness)`, called after
    each step with the goodness of every pass in every block, `[blocks, N]`. All that `observe` remembers must be in the
    memory, which is part of the state of a training.
    """

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
            scores: the network's current class scores of images; None if there are none.
            rows: the images whose passes to make. Each of several processes takes a part of the batch: it draws for the
                whole batch, so that draws do not depend on the number of processes, and makes the passes of its part.
        """
        ...


@runtime_checkable
class Remembering(Protocol):
    """A contrast, or a source of negatives, that learns from the passes of each step; see `Contrast`."""

    @property
    def memory(self) -> dict[str, Tensor]:
        """What it remembers, by name."""
        ...

    def observe(self, layout: Layout, goodness: Tensor) -> None:
        """Learn from the goodness `[blocks, N]` of the passes of a step."""
        ...


def memory_of(contrast: object) -> dict[str, Tensor]:
    """Return what a contrast remembers of the passes already made, by name; empty if it learns nothing from them.

    Example:
        >>> from convff.contrasts import LabelContrast
        >>> from labels import FourierLabels
        >>> memory_of(LabelContrast(FourierLabels(3, (8, 8))))
        {}
    """
    return contrast.memory if isinstance(contrast, Remembering) else {}


def wants_scores(part: object) -> bool:
    """Return whether a contrast, or a source of negatives, chooses by the network's class scores.

    Example:
        >>> from convff.contrasts import LabelContrast, NeutralNegatives
        >>> from labels import FourierLabels
        >>> labels = FourierLabels(3, (8, 8))
        >>> wants_scores(LabelContrast(labels)), wants_scores(LabelContrast(labels, NeutralNegatives()))
        (False, True)
    """
    return bool(getattr(part, "wants_scores", False))
