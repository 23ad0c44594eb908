"""Augmentations: small changes of training images that leave their class alone."""

from collections.abc import Callable

import torch
from torch import Tensor

Augmentation = Callable[[Tensor, torch.Generator], Tensor]


def unchanged(images: Tensor, generator: torch.Generator) -> Tensor:
    """The images as they are."""
    return images


def flips(images: Tensor, generator: torch.Generator) -> Tensor:
    """Each image `[B, C, H, W]` mirrored left to right or not, with even odds. Before the label: labels keep their way.

    Example:
        >>> flips(torch.rand(4, 3, 8, 8), torch.Generator()).shape
        torch.Size([4, 3, 8, 8])
    """
    mirrored = torch.rand(len(images), 1, 1, 1, generator=generator).to(images.device) < 0.5
    return torch.where(mirrored, images.flip(-1), images)


AUGMENTATIONS: dict[str, Augmentation] = {"none": unchanged, "flips": flips}
