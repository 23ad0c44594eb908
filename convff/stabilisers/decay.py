"""Weight decay."""

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from convff.stabilisers.base import GatedStep, Stabiliser, refuse_strength


@dataclass(frozen=True, kw_only=True)
class Decay(Stabiliser):
    """Every weight fades: `-lambda W` (HebbFF, section 3, "to prevent unbounded parameter growth").

    It is on the scale of the rule's direction, so one strength is as strong beside each: `-lambda B W` beside HebbFF,
    whose direction is a sum over B images, and `-lambda (2 s / n) W` beside FF, a mean over images and n units.

    It holds weights only where it is stronger than what the Hebbian term adds for each unit of weight; there they fade
    to nothing, unless the gates open.

    Args:
        strength: lambda, at least 0. The paper names the decay and uses none; the default is ours.

    Raises:
        ValueError: the strength is negative or not finite.
    """

    strength: float = 0.01

    def __post_init__(self) -> None:
        refuse_strength(self.strength)

    def term(self, step: GatedStep, state: Any) -> tuple[dict[str, Tensor], Any]:
        """Minus the strength, on the scale of the direction, times the weights."""
        rate = self.strength * step.open_weight
        return {name: -rate * weights.detach() for name, weights in step.block.layer.named_parameters()}, state
