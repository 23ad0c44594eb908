"""Weight decay: `-lambda W`."""

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from convff.stabilisers.base import GatedStep, Stabiliser, refuse_strength


@dataclass(frozen=True, kw_only=True)
class Decay(Stabiliser):
    """Every weight decays: `-lambda W` (HebbFF, section 3, "to prevent unbounded parameter growth").

    It has the scale of the rule's direction, so a strength means the same for each rule: `-lambda B W` for HebbFF,
    whose direction is a sum over B images, and `-lambda (2 s / n) W` for FF, a mean over images and n units.

    It bounds weights only where it exceeds what the Hebbian term adds for each unit of weight; there they decay to
    zero, unless the gates open.

    Args:
        strength: lambda, at least 0. The paper names the decay and uses none; the default is ours.

    Raises:
        ValueError: the strength is negative or not finite.
    """

    strength: float = 0.01

    def __post_init__(self) -> None:
        refuse_strength(self.strength)

    def term(self, step: GatedStep, state: Any) -> tuple[dict[str, Tensor], Any]:
        """Return minus the strength times the weights, on the scale of the direction."""
        rate = self.strength * step.open_weight
        return {name: -rate * weights.detach() for name, weights in step.block.layer.named_parameters()}, state
