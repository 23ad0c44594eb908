"""The scheme that FF and HebbFF share: a gate on a Hebbian outer product."""

import torch
from torch import Tensor

from convff.functional import hebbian_input, hebbian_outer
from convff.gates import Gate
from convff.network import Block

SATURATED = 0.01


def gated_grads(block: Block, x: Tensor, a: Tensor, c: Tensor) -> dict[str, Tensor]:
    """Minus the gated Hebbian direction of a block, for gates c `[B, P]`, in the dtype of its parameters."""
    weight, bias = hebbian_outer(x, a, -c.reshape(-1), block.layer)
    grads = {"weight": weight.to(block.layer.weight.dtype)}
    if block.layer.bias is not None:
        grads["bias"] = bias.to(block.layer.bias.dtype)
    return grads


def gated_input_direction(block: Block, x: Tensor, a: Tensor, c: Tensor) -> Tensor:
    """Minus the gated Hebbian direction of a block's normalised input, for gates c `[B, P]`."""
    return hebbian_input(x, a, -c.reshape(-1), block.layer)


def gate_metrics(gate: Gate, g: Tensor, unit_goodness: float) -> dict[str, Tensor]:
    """What a step shows of a block, as 0-d tensors on the device; see `convff.rules.base.LocalUpdate`."""
    c = gate(g, unit_goodness)
    openness = torch.cat([c[:, :1], -c[:, 1:] * (c.shape[1] - 1)], dim=1).clamp(0, 1)
    closed_or_open = (openness < SATURATED) | (openness > 1 - SATURATED)
    return {
        "loss": gate.loss(g, unit_goodness).mean(),
        "discrimination": gate.discriminates(g, unit_goodness).mean(),
        "saturation": closed_or_open.float().mean(),
        "gate_right": c[:, 0].mean(),
        "gate_wrong": -c[:, 1:].sum(dim=1).mean(),
        "goodness": g.mean(),
        "silent": (g == 0).float().mean(),
    }
