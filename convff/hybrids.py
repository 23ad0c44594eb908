"""Hybrid images: two images mixed by a mask of large regions (Hinton 2022, section 3.2), as pure functions.

A hybrid has the short-range correlations of images, but shapes that do not fit together over longer distances. A layer
that tells images from hybrids must therefore look at shapes.
"""

from functools import lru_cache

import torch
from torch import Tensor


@lru_cache(maxsize=16)
def blur_matrix(size: int, blurs: int) -> Tensor:
    """Return the matrix of `blurs` blurs by [1/4, 1/2, 1/4] along a line of `size` values: `K^blurs`, float64.

    The border is reflected: beyond it lies the border value itself (mode `reflect` of scipy). Every row and every
    column sums to 1, so a blur keeps the mean. With zeros beyond the border, masks would have no region there.

    Args:
        size: number of values.
        blurs: number of blurs, at least 0.

    Returns:
        `[size, size]`; a cached tensor, not to be changed.

    Example:
        >>> blur_matrix(3, 1)
        tensor([[0.7500, 0.2500, 0.0000],
                [0.2500, 0.5000, 0.2500],
                [0.0000, 0.2500, 0.7500]], dtype=torch.float64)
    """
    once = torch.zeros(size, size, dtype=torch.float64)
    for place in range(size):
        for step, weight in ((-1, 0.25), (0, 0.5), (1, 0.25)):
            once[place, min(max(place + step, 0), size - 1)] += weight
    repeated: Tensor = torch.linalg.matrix_power(once, blurs)
    return repeated


def blurred(bits: Tensor, blurs: int) -> Tensor:
    """Blur maps by [1/4, 1/2, 1/4] along rows and columns, `blurs` times.

    A blur is linear and acts on rows and columns alike, so all of them are two matrix products. They are in float64, in
    which up to 12 blurs of bits are exact: a mask depends on no rounding, and so on no device or number of threads.

    Args:
        bits: `[N, H, W]` of any dtype.
        blurs: number of blurs.

    Returns:
        float64 `[N, H, W]`, in the range of the values.

    Example:
        >>> blurred(torch.tensor([[[0, 0, 1, 0, 0]]]), 1)
        tensor([[[0.0000, 0.2500, 0.5000, 0.2500, 0.0000]]], dtype=torch.float64)
    """
    height, width = bits.shape[-2:]
    return blur_matrix(height, blurs) @ bits.double() @ blur_matrix(width, blurs)


def draw_masks(count: int, size: tuple[int, int], generator: torch.Generator, *, blurs: int = 10) -> Tensor:
    """Draw masks with large regions of ones and zeros: random bits, blurred repeatedly, and thresholded at 1/2.

    Args:
        count: number N of masks.
        size: height and width.
        generator: the source of the bits.
        blurs: number of blurs, at least 1. The paper does not tell it: 10 is our reconstruction of its "fairly large
            regions": in 28 x 28 pixels, a region is 8 pixels long on average, with 6 blurs 6.5 and with 20 blurs 10.

    Returns:
        bool `[N, 1, H, W]`, on the CPU; half of all values are ones.

    Raises:
        ValueError: fewer than one blur.

    Example:
        >>> masks = draw_masks(400, (28, 28), torch.Generator().manual_seed(0))
        >>> masks.shape, round(masks.double().mean().item(), 1)
        (torch.Size([400, 1, 28, 28]), 0.5)
    """
    refuse_blurs(blurs)
    bits = torch.randint(2, (count, *size), generator=generator)
    return (blurred(bits, blurs) > 0.5)[:, None]


def refuse_blurs(blurs: int) -> None:
    """Raise unless there is at least one blur: bits as they are drawn have no regions.

    Raises:
        ValueError: there is none.
    """
    if blurs < 1:
        raise ValueError(f"blurs must be at least 1, got {blurs}")


def draw_partners(count: int, generator: torch.Generator) -> Tensor:
    """Draw for each image of a batch another one: never itself, and each image is the partner of one other.

    In a random order each image gets the one that comes a random number of places, from 1 to `count - 1`, after it.

    Args:
        count: number B of images, at least 2.
        generator: the source of the draws.

    Returns:
        indices int64 `[B]`, on the CPU.

    Raises:
        ValueError: there is a single image.

    Example:
        >>> draw_partners(2, torch.Generator().manual_seed(0))
        tensor([1, 0])
    """
    if count < 2:
        raise ValueError(f"a hybrid is made of two images, so a batch must have at least 2, got {count}")
    order = torch.randperm(count, generator=generator)
    shift = int(torch.randint(1, count, (), generator=generator))
    return torch.empty_like(order).scatter_(0, order, order.roll(shift))


def hybrids(images: Tensor, others: Tensor, masks: Tensor) -> Tensor:
    """Mix images: `m * image + (1 - m) * other`, so that every pixel is of one of the two.

    Args:
        images: `[N, C, H, W]`.
        others: `[N, C, H, W]`.
        masks: bool `[N, 1, H, W]`, one for all channels.

    Example:
        >>> hybrids(torch.ones(1, 1, 1, 2), torch.zeros(1, 1, 1, 2), torch.tensor([[[[True, False]]]]))
        tensor([[[[1., 0.]]]])
    """
    return torch.where(masks, images, others)
