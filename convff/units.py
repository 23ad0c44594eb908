"""Numbers per unit: of a dense layer, or per filter of a convolution."""

from collections.abc import Iterable

import torch
from torch import Tensor


def unit_squares(tensors: Iterable[Tensor]) -> Tensor:
    """Return the squared length of each unit's entries over several tensors `[K, ...]`: `[K]`.

    Example:
        >>> unit_squares([torch.tensor([[3.0, 0.0]]), torch.tensor([4.0])])
        tensor([25.])
    """
    return torch.stack([_squares(t.detach()) for t in tensors]).sum(dim=0)


def _squares(t: Tensor) -> Tensor:
    # A reshape would copy a weight in channels-last order, and `square` makes another: ten times the time.
    return torch.linalg.vector_norm(t, dim=tuple(range(1, t.ndim))).square() if t.ndim > 1 else t.square()


def unit_lengths(parameters: Iterable[Tensor]) -> Tensor:
    """Return the length of each unit's weight vector, `|(w_k, b_k)|`.

    Args:
        parameters: tensors `[K, ...]`: the weight, and the bias if there is one.

    Returns:
        lengths `[K]`.

    Example:
        >>> unit_lengths([torch.tensor([[3.0, 0.0]]), torch.tensor([4.0])])
        tensor([5.])
    """
    return unit_squares(parameters).sqrt()


def per_unit(values: Tensor, like: Tensor) -> Tensor:
    """Return values `[K]` in a shape to multiply `[K, ...]`.

    Example:
        >>> per_unit(torch.ones(4), torch.zeros(4, 3, 2, 2)).shape
        torch.Size([4, 1, 1, 1])
    """
    return values.view(-1, *[1] * (like.ndim - 1))
