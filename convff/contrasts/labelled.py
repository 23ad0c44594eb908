"""Labelled copies of each image: the contrast of Forward-Forward."""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from convff.contrasts.base import Layout, Passes, Remembering, Scores, memory_of, wants_scores
from convff.contrasts.negatives import RandomNegatives
from convff.data import Batch
from convff.labelling import Labels, Negatives, ScoredNegatives, label_passes


@dataclass(frozen=True, eq=False)
class LabelContrast:
    """P copies of each image: the first with its right label, the others with wrong ones (Hinton 2022, section 3.3).

    Args:
        labels: puts labels into images.
        negatives: draws the wrong labels, e.g. from the table `NEGATIVES`; one per image, at random, if omitted.

    Example:
        >>> from labels import FourierLabels
        >>> contrast = LabelContrast(FourierLabels(3, (8, 8)), RandomNegatives(2))
        >>> batch = Batch(torch.rand(4, 1, 8, 8), torch.tensor([0, 1, 2, 0]))
        >>> passes = contrast(batch, torch.Generator().manual_seed(0))
        >>> passes.inputs.shape, passes.layout.labels.shape
        (torch.Size([12, 1, 8, 8]), torch.Size([4, 3]))
    """

    labels: Labels
    negatives: Negatives = field(default_factory=RandomNegatives)

    def __call__(
        self, batch: Batch, generator: torch.Generator, scores: Scores | None = None, rows: slice = slice(None)
    ) -> Passes:
        """Make the passes; see `Contrast`. Only negatives that choose by scores make use of them."""
        known = scores(batch.inputs) if scores is not None and self.wants_scores else None
        labels = self.draw(batch.targets, generator, known)[rows]
        inputs = label_passes(self.labels, batch.inputs[rows], labels)
        return Passes(inputs, Layout(labels[:, 0], labels, labels.shape[1]))

    @property
    def wants_scores(self) -> bool:
        """Whether the negatives choose by scores; see `Contrast`."""
        return wants_scores(self.negatives)

    @property
    def memory(self) -> dict[str, Tensor]:
        """What the negatives remember; see `Contrast`."""
        return memory_of(self.negatives)

    def observe(self, layout: Layout, goodness: Tensor) -> None:
        """Let negatives with a memory learn from a step; see `Contrast`."""
        if isinstance(self.negatives, Remembering):
            self.negatives.observe(layout, goodness)

    def draw(self, classes: Tensor, generator: torch.Generator, scores: Tensor | None = None) -> Tensor:
        """Return the label of each pass `[B, P]`: the right one, then wrong ones.

        Args:
            classes: right classes `[B]`.
            generator: the source of the draw.
            scores: class scores of the images `[B, K]`, for negatives that choose by them.
        """
        if self.wants_scores:
            scored: ScoredNegatives = self.negatives  # type: ignore[assignment]
            wrong = scored(classes, self.labels.num_classes, generator, scores)
        else:
            wrong = self.negatives(classes, self.labels.num_classes, generator)
        return torch.cat([classes[:, None], wrong], dim=1)
