"""The scheme that FF and HebbFF share: a gate on a Hebbian outer product, `dW -> sum_n c_n a_n (x) x_n`."""

import torch
from torch import Tensor

from convff.gates import Gate
from convff.outer import Outer, input_product
from convff.places import Place
from convff.rules.base import Gating, LocalUpdate, Seen, Term

SATURATION_MARGIN = 0.01  # a gate this close to open or shut counts as saturated


def gating(seen: Seen, g: Tensor, gate: Gate, place: Place, *, unit_goodness: float, gain: float) -> Gating:
    """Turn the goodness of a block into one signed weight for each try, and for each unit.

    Args:
        seen: the block, with its activity.
        g: goodness of the tries `[B, M]`, the right label first.
        gate: the gate.
        place: where the label is.
        unit_goodness: the goodness of units that are all 1.
        gain: the weight of a fully open gate; negative where less activity is good.
    """
    gates = gate(g, unit_goodness)
    tries = gates * gain
    metrics = gate_metrics(gate, g, gates, unit_goodness, passes=len(seen.layout.targets) * seen.layout.passes)
    return Gating(place.gate_units(tries, seen.a, seen.layout), tries, len(g) * abs(gain), metrics)


def gated_update(seen: Seen, found: Gating, place: Place, state: object) -> LocalUpdate:
    """Return minus the gated Hebbian direction: an optimiser subtracts it."""
    terms: tuple[Term, ...] = (Outer(seen.x, place.post(seen, -found.tries)),)
    of_beside = place.beside_direction(seen, -found.tries)
    if of_beside:
        terms += ({f"beside.{name}": direction for name, direction in of_beside.items()},)
    return LocalUpdate(terms, state, found.metrics)


def gated_input_direction(seen: Seen, found: Gating, place: Place) -> Tensor:
    """Return minus the gated Hebbian direction of the block's normalised input."""
    return input_product(seen.x, place.post(seen, -found.tries), seen.block.layer)


def gate_metrics(gate: Gate, g: Tensor, c: Tensor, unit_goodness: float, *, passes: int) -> dict[str, Tensor]:
    """Return the metrics of a block in a step, as 0-d tensors on the device; see `convff.rules.base.LocalUpdate`.

    Args:
        gate: the gate.
        g: goodness `[B, M]`, the right label first.
        c: its gates `[B, M]`.
        unit_goodness: the goodness of units that are all 1.
        passes: number of passes that `g` is the goodness of.
    """
    openness = torch.cat([c[:, :1], -c[:, 1:] * (c.shape[1] - 1)], dim=1).clamp(0, 1)
    closed_or_open = (openness < SATURATION_MARGIN) | (openness > 1 - SATURATION_MARGIN)
    return {
        "loss": gate.loss(g, unit_goodness).mean(),
        "discrimination": gate.discriminates(g, unit_goodness).mean(),
        "saturation": closed_or_open.float().mean(),
        "gate_right": c[:, 0].mean(),
        "gate_wrong": -c[:, 1:].sum(dim=1).mean(),
        "goodness": g.mean(),
        "silent": (g == 0).reshape(passes, -1).all(dim=1).float().mean(),
    }
