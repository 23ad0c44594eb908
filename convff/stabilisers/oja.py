"""Oja's forgetting: `-lambda sum_n |c_n| a_nk^2 w_k`."""

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from convff.stabilisers.base import GatedStep, Stabiliser, refuse_strength
from convff.stabilisers.equations import oja_forgetting
from convff.units import per_unit


@dataclass(frozen=True, kw_only=True)
class Oja(Stabiliser):
    """A unit forgets when it is active: `-lambda sum_n |c_n| a_nk^2 w_k` (Oja 1982).

    A unit whose passes are all strengthened converges to the length `1 / sqrt(lambda)`, whatever its inputs.

    Args:
        strength: lambda, at least 0; 1 is Oja's rule. The default is ours: right and wrong passes add up here, while in
            the gated direction they nearly cancel, so with 1 layers forget about as fast as they learn.

    Raises:
        ValueError: the strength is negative or not finite.
    """

    strength: float = 0.01

    def __post_init__(self) -> None:
        refuse_strength(self.strength)

    def term(self, step: GatedStep, state: Any) -> tuple[dict[str, Tensor], Any]:
        """Return minus the rate of forgetting times the weights, unit by unit."""
        rate = self.strength * oja_forgetting(step.a, step.c)
        parameters = step.block.layer.named_parameters()
        return {name: -per_unit(rate.to(w.dtype), w) * w.detach() for name, w in parameters}, state
