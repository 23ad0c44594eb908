"""Dropout whose draws come from a generator that is given, as all draws here."""

import torch
from torch import Tensor

STEPS = 256  # shares are multiples of 1 / STEPS: a random byte decides about each value


def dropout(x: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Set a random share of the values to 0, and divide the others by `1 - share`, so that the mean stays.

    Args:
        x: values of any shape.
        share: in [0, 1); rounded to a multiple of 1/256.
        generator: the source of the draws, on the CPU, which are then moved to the device of `x`.

    Raises:
        ValueError: the share is out of its range.

    Example:
        >>> dropout(torch.ones(8), 0.5, torch.Generator().manual_seed(1)).unique()
        tensor([0., 2.])
    """
    check_share(share)
    if not share:
        return x
    kept = max(1, round(STEPS * (1 - share)))
    # 64 random bits are 8 bytes: much faster than a float per value.
    bits = torch.empty((x.numel() + 7) // 8, dtype=torch.int64).random_(-(2**63), None, generator=generator)
    drawn = bits.view(torch.uint8)[: x.numel()].view(x.shape)
    keeps = torch.le(drawn, kept - 1, out=torch.empty_like(drawn))  # bytes: booleans take 20 times as long
    return x * (keeps.to(x.device, x.dtype) * (STEPS / kept))


def check_share(share: float) -> None:
    """Raise unless a share of dropout is in [0, 1).

    Raises:
        ValueError: it is not.
    """
    if not 0 <= share < 1:
        raise ValueError(f"the share of dropout must be in [0, 1), got {share}")
