"""Weight decay."""

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from convff.stabilisers.base import GatedStep, Stabiliser, refuse_strength


@dataclass(frozen=True, kw_only=True)
class Decay(Stabiliser):
    """Every weight fades: `-lambda W` (HebbFF, section 3, "to prevent unbounded parameter growth").

    Where a rule's direction is a sum over the images, so is the decay: `-lambda B W`. It holds weights only where it is
    stronger than what the Hebbian term adds for each unit of weight; there they fade to nothing, unless the gates open.

    Args:
        strength: lambda, at least 0. The paper names the decay and uses none; the default is ours.

    Raises:
        ValueError: the strength is negative or not finite.
    """

    strength: float = 0.01

    def __post_init__(self) -> None:
        refuse_strength(self.strength)

    def term(self, step: GatedStep, state: Any) -> tuple[dict[str, Tensor], Any]:
        """`-lambda B W`, or `-lambda W`."""
        rate = self.strength * step.images
        return {name: -rate * weights.detach() for name, weights in step.block.layer.named_parameters()}, state
