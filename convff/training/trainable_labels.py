"""Labels that learn with the first block, by the same local rule.

A pass that the gate strengthens moves the first block's weights along `c a x^T`, and its labelled image along
`c W^T a`: both are the gradient of the goodness, by the weights and by the input. A label map takes the sum over the
passes that carry it. Nothing above the first block is used.

The labelled image goes through the block's norm first. The norm is taken as a fixed scaling (batch norm's 1/deviation,
length norm's 1/rms), although the maps contribute to it. The choice is ours: the exact derivative of batch norm
would mix all the images of a batch.
"""

from typing import Any, cast

import torch
from torch import Tensor, nn

from convff.labelling import Labels, TrainableLabels
from convff.network import Block, LayerLocalNet
from convff.norms import LengthNorm
from convff.rules.base import InputRule, Seen

# The dimensions over which a norm's scale is one number.
SCALED_TOGETHER: dict[type[nn.Module], tuple[int, ...]] = {nn.BatchNorm2d: (0, 2, 3), LengthNorm: (1, 2, 3)}


def norm_scale(norm: nn.Module, h: Tensor, x: Tensor) -> Tensor:
    """Return the factor by which a norm scaled its input, broadcastable to it: `[1, C, 1, 1]` or `[N, 1, 1, 1]`.

    It is computed from input and output, so it holds for any statistics: of the batch, running, or of all processes.

    Args:
        norm: a norm of `SCALED_TOGETHER`.
        h: raw input `[N, C, H, W]`.
        x: normalised input, with as many values as h.

    Example:
        >>> h = torch.tensor([3.0, 4.0]).view(1, 1, 1, 2)
        >>> norm_scale(LengthNorm(), h, 2 * h)
        tensor([[[[2.]]]])
    """
    x = x.reshape(h.shape)
    together = _together(norm)
    assert together is not None
    if isinstance(norm, nn.BatchNorm2d):  # the mean that it subtracts is not part of the scale
        h, x = (t - t.mean(dim=together, keepdim=True) for t in (h, x))
    before, after = (torch.linalg.vector_norm(t, dim=together, keepdim=True) for t in (h, x))
    scale: Tensor = after / before.clamp_min(torch.finfo(before.dtype).tiny)
    return scale


def _together(norm: nn.Module) -> tuple[int, ...] | None:
    return next((dims for kind, dims in SCALED_TOGETHER.items() if isinstance(norm, kind)), None)


def input_grad(seen: Seen, rule: Any, h: Tensor) -> Tensor:
    """Return what an optimiser would subtract from the raw input of a block, in its shape.

    Args:
        seen: the block, with its normalised input and activity.
        rule: an `InputRule`.
        h: raw input `[N, C', H, W]`.
    """
    of_normalised = cast(InputRule, rule).input_direction(seen)
    return of_normalised.reshape(h.shape) * norm_scale(seen.block.norm, h, seen.x)


def trainable_labels(labels: Labels | None, net: LayerLocalNet, rule: object) -> TrainableLabels | None:
    """Return the labels, moved to the device of the network, if they are trainable; otherwise None.

    Raises:
        ValueError: they are trainable, but the rule gives no direction for its input, or the scale of the first
            norm is unknown.

    Example:
        >>> from convff import ForwardForward, cnn3
        >>> from labels import FourierLabels
        >>> trainable_labels(FourierLabels(3, (8, 8)), cnn3((1, 8, 8)), ForwardForward()) is None
        True
    """
    if not isinstance(labels, TrainableLabels):
        return None
    first: Block = next(iter(net))
    if not isinstance(rule, InputRule):
        raise ValueError(f"{type(rule).__name__} gives no direction for its input, so labels cannot learn by it")
    if _together(first.norm) is None:
        known = ", ".join(kind.__name__ for kind in SCALED_TOGETHER)
        raise ValueError(f"trainable labels need a first norm of {known}, got {type(first.norm).__name__}")
    for parameter in labels.parameters():
        parameter.data = parameter.data.to(first.layer.weight.device)
    return labels
