"""Batch norm of a plain network: folded into the layer in front of it, or freed of its learned scale and shift."""

from copy import deepcopy

import torch
from torch import Tensor, nn

BatchNorm = nn.BatchNorm1d | nn.BatchNorm2d


def without_parameters(norm: BatchNorm) -> BatchNorm:
    """Return batch norm with the same statistics and no learned scale or shift.

    Raises:
        ValueError: it has learned a scale or a shift.

    Example:
        >>> without_parameters(nn.BatchNorm1d(3)).affine
        False
    """
    copy = deepcopy(norm)
    learned = copy.affine and not ((copy.weight == 1).all() and (copy.bias == 0).all())
    if learned:
        raise ValueError("has learned a scale or a shift, which a block's norm cannot have: use affine=False")
    copy.affine = False
    copy.register_parameter("weight", None)
    copy.register_parameter("bias", None)
    return copy


def folded(weight: Tensor, bias: Tensor | None, norm: BatchNorm) -> tuple[Tensor, Tensor]:
    """Return weight and bias of a layer and the batch norm behind it: `W' = s W, b' = s (b - mean) + shift`.

    Here `s = scale / sqrt(variance + eps)`, unit by unit, with the running statistics.

    Args:
        weight: `[O, ...]`.
        bias: `[O]`; None for 0.
        norm: of O units.

    Example:
        >>> norm = nn.BatchNorm1d(1, eps=0.0, affine=False)
        >>> norm.running_mean.fill_(1.0), norm.running_var.fill_(4.0)
        (tensor([1.]), tensor([4.]))
        >>> folded(torch.tensor([[6.0]]), None, norm)
        (tensor([[3.]]), tensor([-0.5000]))

    Reference:
        Ioffe & Szegedy 2015, "Batch Normalization", algorithm 2, line 11.
    """
    mean, variance = norm.running_mean, norm.running_var
    assert mean is not None
    assert variance is not None
    rate = torch.rsqrt(variance + norm.eps) * (1 if norm.weight is None else norm.weight)
    shift = 0 if norm.bias is None else norm.bias
    return weight * rate.view(-1, *[1] * (weight.ndim - 1)), ((0 if bias is None else bias) - mean) * rate + shift


@torch.no_grad()
def fold_(layer: nn.Conv2d | nn.Linear, norm: BatchNorm) -> None:
    """Make the batch norm behind a layer part of it, in place."""
    weight, bias = folded(layer.weight, layer.bias, norm)
    layer.weight, layer.bias = nn.Parameter(weight), nn.Parameter(bias)
