"""The scheme that FF and HebbFF share: a gate on a Hebbian outer product."""

import torch
from torch import Tensor

from convff.gates import Gate
from convff.network import Block
from convff.outer import Outer, gated, input_product

SATURATION_MARGIN = 0.01  # a gate this close to open or shut counts as saturated


def gated_outer(x: Tensor, a: Tensor, c: Tensor) -> Outer:
    """Return minus the gated Hebbian direction, for gates c `[B, P]`: an optimiser subtracts it."""
    return Outer(x, gated(a, -c.reshape(-1)))


def gated_input_direction(block: Block, x: Tensor, a: Tensor, c: Tensor) -> Tensor:
    """Return minus the gated Hebbian direction of a block's normalised input, for gates c `[B, P]`."""
    return input_product(x, gated(a, -c.reshape(-1)), block.layer)


def gate_metrics(gate: Gate, g: Tensor, unit_goodness: float) -> dict[str, Tensor]:
    """What a step shows of a block, as 0-d tensors on the device; see `convff.rules.base.LocalUpdate`."""
    c = gate(g, unit_goodness)
    openness = torch.cat([c[:, :1], -c[:, 1:] * (c.shape[1] - 1)], dim=1).clamp(0, 1)
    closed_or_open = (openness < SATURATION_MARGIN) | (openness > 1 - SATURATION_MARGIN)
    return {
        "loss": gate.loss(g, unit_goodness).mean(),
        "discrimination": gate.discriminates(g, unit_goodness).mean(),
        "saturation": closed_or_open.float().mean(),
        "gate_right": c[:, 0].mean(),
        "gate_wrong": -c[:, 1:].sum(dim=1).mean(),
        "goodness": g.mean(),
        "silent": (g == 0).float().mean(),
    }
