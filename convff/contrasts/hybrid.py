"""Each image, and a hybrid of it and another one: a contrast without labels (Hinton 2022, section 3.2)."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from convff.contrasts.base import Layout, Passes, Scores
from convff.data import Batch
from convff.hybrids import draw_masks, draw_partners, hybrids, refuse_blurs
from convff.labelling import Labels


class Mixture(NamedTuple):
    """Hybrids, and what they are made of.

    Args:
        images: the hybrids `[N, C, H, W]`.
        others: for each image, the one that it was mixed with `[N, C, H, W]`.
        masks: where a hybrid has the image's pixels, and not the other one's: bool `[N, 1, H, W]`.
    """

    images: Tensor
    others: Tensor
    masks: Tensor


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
        of_rows = batch.inputs[rows]
        mixed = self.mix(batch.inputs, generator, rows).images
        both = torch.stack([self.neutral.neutral(of_rows), self.neutral.neutral(mixed)], dim=1)
        return Passes(both.flatten(0, 1), Layout(batch.targets[rows], passes=2))

    def mix(self, images: Tensor, generator: torch.Generator, rows: slice = slice(None)) -> "Mixture":
        """Draw masks and partners for all images `[B, C, H, W]`, and make the hybrids of some.

        Args:
            images: the images of a batch.
            generator: the source of every draw.
            rows: the images whose hybrids to make.
        """
        partners = draw_partners(len(images), generator).to(images.device)
        masks = draw_masks(len(images), (images.shape[2], images.shape[3]), generator, blurs=self.blurs)
        others, masks = images[partners[rows]], masks[rows].to(images.device)
        return Mixture(hybrids(images[rows], others, masks), others, masks)
