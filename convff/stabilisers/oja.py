"""Oja's forgetting."""

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from convff.stabilisers.base import GatedStep, Stabiliser, refuse_strength
from convff.stabilisers.equations import oja_forgetting, per_unit


@dataclass(frozen=True, kw_only=True)
class Oja(Stabiliser):
    """A unit forgets as it is active: `-lambda sum_n |c_n| a_nk^2 w_k` (Oja 1982).

    A unit whose passes are all strengthened comes to rest at the length `1 / sqrt(lambda)`, whatever its inputs.

    Args:
        strength: lambda, at least 0; 1 is Oja's rule. The default is ours: right and wrong passes add up here, while in
            the gated direction they all but cancel, so at 1 a layer forgets about as fast as it learns.

    Raises:
        ValueError: the strength is negative or not finite.
    """

    strength: float = 0.01

    def __post_init__(self) -> None:
        refuse_strength(self.strength)

    def term(self, step: GatedStep, state: Any) -> tuple[dict[str, Tensor], Any]:
        """Minus the rate of forgetting times the weights, unit by unit."""
        rate = self.strength * oja_forgetting(step.a, step.c)
        parameters = step.block.layer.named_parameters()
        return {name: -per_unit(rate.to(w.dtype), w) * w.detach() for name, w in parameters}, state
