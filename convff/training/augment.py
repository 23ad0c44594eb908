"""Augmentations: small changes of training images that preserve their class."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

Augmentation = Callable[[Tensor, torch.Generator], Tensor]


def unchanged(images: Tensor, generator: torch.Generator) -> Tensor:
    """Return the images unchanged."""
    return images


def flips(images: Tensor, generator: torch.Generator) -> Tensor:
    """Mirror each image `[B, C, H, W]` left to right with probability 1/2; labels, added later, are never mirrored.

    Example:
        >>> flips(torch.rand(4, 3, 8, 8), torch.Generator()).shape
        torch.Size([4, 3, 8, 8])
    """
    mirrored = torch.rand(len(images), 1, 1, 1, generator=generator).to(images.device) < 0.5
    return torch.where(mirrored, images.flip(-1), images)


MOST_SHIFT = 2  # pixels; as for CIFAR in Keller Jordan's "94 % on CIFAR-10 in 3.29 seconds" (2024)


def shifts(images: Tensor, generator: torch.Generator) -> Tensor:
    """Shift each image `[B, C, H, W]` by up to 2 pixels each way, at random; the border is filled by reflection.

    Example:
        >>> shifts(torch.rand(4, 3, 8, 8), torch.Generator()).shape
        torch.Size([4, 3, 8, 8])
    """
    return _cut_at_random(F.pad(images, (MOST_SHIFT,) * 4, mode="reflect"), MOST_SHIFT, generator)


def shifts_zero(images: Tensor, generator: torch.Generator, most: int = MOST_SHIFT) -> Tensor:
    """Shift each image `[B, C, H, W]` by up to `most` pixels each way, at random; the border is filled with 0.

    With 2 pixels there are the 25 shifts of Hinton 2022, section 3.3; a new one is drawn each time (ours).

    Raises:
        ValueError: an image could be shifted out of sight, or `most` is negative.

    Example:
        >>> shifts_zero(torch.ones(2, 1, 3, 3), torch.Generator(), most=0).equal(torch.ones(2, 1, 3, 3))
        True
    """
    height, width = images.shape[2:]
    if not 0 <= most < min(height, width):
        raise ValueError(
            f"images must be shifted by 0 or more pixels and fewer than their side, got {most} for {height} x {width}"
        )
    return _cut_at_random(F.pad(images, (most,) * 4), most, generator)


def _cut_at_random(padded: Tensor, border: int, generator: torch.Generator) -> Tensor:
    """Cut images out of images with a border, each at a place of its own."""
    count, channels = padded.shape[:2]
    height, width = (side - 2 * border for side in padded.shape[2:])
    device = padded.device
    moved = torch.randint(2 * border + 1, (2, count), generator=generator).to(device)
    rows = torch.arange(height, device=device) + moved[0, :, None]
    columns = torch.arange(width, device=device) + moved[1, :, None]
    image = torch.arange(count, device=device)[:, None, None, None]
    channel = torch.arange(channels, device=device)[None, :, None, None]
    return padded[image, channel, rows[:, None, :, None], columns[:, None, None, :]]


def flips_shifts(images: Tensor, generator: torch.Generator) -> Tensor:
    """Mirror and shift each image: `flips`, then `shifts`."""
    return shifts(flips(images, generator), generator)


CUT = 3 / 8  # of each side: 12 of 32 pixels, as in the longer runs of the same record


def cutout(images: Tensor, generator: torch.Generator) -> Tensor:
    """Fill a square of each image `[B, C, H, W]` with the image's mean colour (DeVries & Taylor 2017).

    The square's sides are 3/8 of the image's; its centre is any pixel, so that a part of it may lie outside.

    Example:
        >>> cutout(torch.rand(4, 3, 8, 8), torch.Generator()).shape
        torch.Size([4, 3, 8, 8])
    """
    count, _, height, width = images.shape
    rows = _stretch(height, count, generator).to(images.device)
    columns = _stretch(width, count, generator).to(images.device)
    cut = rows[:, None, :, None] & columns[:, None, None, :]
    return torch.where(cut, images.mean((2, 3), keepdim=True), images)


def _stretch(side: int, count: int, generator: torch.Generator) -> Tensor:
    """Return for each of `count` images which of `side` rows (or columns) its square takes `[count, side]`."""
    length = round(CUT * side)
    first = torch.randint(side, (count, 1), generator=generator) - length // 2
    place = torch.arange(side)
    return (place >= first) & (place < first + length)


def flips_shifts_cutout(images: Tensor, generator: torch.Generator) -> Tensor:
    """Mirror, shift and cut each image: `flips_shifts`, then `cutout`."""
    return cutout(flips_shifts(images, generator), generator)


AUGMENTATIONS: dict[str, Augmentation] = {
    "none": unchanged,
    "flips": flips,
    "shifts": shifts,
    "flips_shifts": flips_shifts,
    "cutout": cutout,
    "flips_shifts_cutout": flips_shifts_cutout,
    "shifts_zero": shifts_zero,
}
