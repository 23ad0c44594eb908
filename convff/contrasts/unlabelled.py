"""Images alone, one pass per image."""

from dataclasses import dataclass

import torch

from convff.contrasts.base import Layout, Passes, Scores
from convff.data import Batch
from convff.labelling import Labels


@dataclass(frozen=True, eq=False)
class Unlabelled:
    """One pass per image, without a label: for rules whose label is not in the image, or that need none.

    Args:
        neutral: makes the input that carries no label, by its method `neutral`.

    Example:
        >>> from labels import NoLabels
        >>> batch = Batch(torch.rand(4, 1, 8, 8), torch.tensor([0, 1, 2, 0]))
        >>> inputs, layout = Unlabelled(NoLabels(3))(batch, torch.Generator())
        >>> torch.equal(inputs, batch.inputs), layout.passes, layout.labels
        (True, 1, None)
    """

    neutral: Labels

    @property
    def labels(self) -> None:
        """None: no pass carries a label."""
        return

    def __call__(
        self, batch: Batch, generator: torch.Generator, scores: Scores | None = None, rows: slice = slice(None)
    ) -> Passes:
        """Make the passes, without any draw; see `Contrast`."""
        return Passes(self.neutral.neutral(batch.inputs[rows]), Layout(batch.targets[rows]))
