"""Each image, and a hybrid of it and another one: a contrast without labels (Hinton 2022, section 3.2)."""

from dataclasses import dataclass

import torch

from convff.contrasts.base import Layout, Passes, Scores
from convff.data import Batch
from convff.hybrids import draw_masks, draw_partners, hybrids, refuse_blurs
from convff.labelling import Labels


@dataclass(frozen=True, eq=False)
class HybridContrast:
    """Two passes per image: the image, then a hybrid of it and another image of the batch.

    Every image gets a mask of its own in every step. No class is looked at, so the two images of a hybrid may be of
    one class.

    Args:
        neutral: makes the input that carries no label, by its method `neutral`.
        blurs: how often the bits of a mask are blurred, at least 1; see `convff.hybrids.draw_masks`.

    Raises:
        ValueError: fewer than one blur; when called, a batch of a single image.

    Example:
        >>> from labels import NoLabels
        >>> batch = Batch(torch.rand(4, 1, 8, 8), torch.tensor([0, 1, 2, 0]))
        >>> inputs, layout = HybridContrast(NoLabels(3), blurs=2)(batch, torch.Generator().manual_seed(0))
        >>> torch.equal(layout.by_image(inputs)[:, 0], batch.inputs), inputs.shape, layout.passes, layout.labels
        (True, torch.Size([8, 1, 8, 8]), 2, None)
    """

    neutral: Labels
    blurs: int = 10

    def __post_init__(self) -> None:
        refuse_blurs(self.blurs)

    @property
    def labels(self) -> None:
        """None: no pass carries a label."""
        return

    def __call__(
        self, batch: Batch, generator: torch.Generator, scores: Scores | None = None, rows: slice = slice(None)
    ) -> Passes:
        """Make the passes; see `Contrast`. The scores are ignored."""
        count, device = len(batch.inputs), batch.inputs.device
        partners = draw_partners(count, generator).to(device)
        masks = draw_masks(count, (batch.inputs.shape[2], batch.inputs.shape[3]), generator, blurs=self.blurs)
        images = batch.inputs[rows]
        mixed = hybrids(images, batch.inputs[partners[rows]], masks[rows].to(device))
        both = torch.stack([self.neutral.neutral(images), self.neutral.neutral(mixed)], dim=1)
        return Passes(both.flatten(0, 1), Layout(batch.targets[rows], passes=2))
