"""Helpers of the optimisers."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor


def length(tensors: Sequence[Tensor]) -> Tensor:
    """Return the Euclidean length of several tensors taken as one vector, 0-d.

    Example:
        >>> length([torch.tensor([3.0]), torch.tensor([[4.0]])])
        tensor(5.)
    """
    found: Tensor = torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(t) for t in tensors]))
    return found


def with_momentum(state: dict[str, Any], grad: Tensor, momentum: float) -> Tensor:
    """Return `m <- momentum m + grad`, kept in the state of a parameter; the gradient itself for momentum 0.

    Args:
        state: the optimiser's state of the parameter; changed in place.
        grad: the direction of the parameter.
        momentum: in [0, 1).

    Example:
        >>> state = {}
        >>> [with_momentum(state, torch.ones(1), 0.5).item() for _ in range(2)]
        [1.0, 1.5]
    """
    if momentum == 0:
        return grad
    if "momentum" not in state:
        state["momentum"] = torch.zeros_like(grad)
    kept: Tensor = state["momentum"]
    return torch.add(grad, kept, alpha=momentum, out=kept)
