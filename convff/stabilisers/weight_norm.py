"""Weights of constant length: `w_k <- w_k (|w_k at the start| / |w_k|)^strength`."""

from dataclasses import dataclass

from torch import Tensor

from convff.network import Block
from convff.stabilisers.base import Stabiliser, refuse_strength
from convff.stabilisers.equations import rescaling
from convff.units import per_unit, unit_lengths


@dataclass(frozen=True, kw_only=True)
class WeightNorm(Stabiliser):
    """Each unit's weights are rescaled to their initial length after each step.

    Multiplicative normalisation (von der Malsburg 1973; Miller & MacKay 1994): weights compete for a fixed length. A
    network whose goodness cannot grow by its weights alone must tell right from wrong by their directions.

    Args:
        strength: the exponent, in [0, 1]; 1 restores the length exactly.

    Raises:
        ValueError: the strength is out of range.
    """

    strength: float = 1.0

    def __post_init__(self) -> None:
        refuse_strength(self.strength, most=1.0)

    def init(self, block: Block) -> Tensor:
        """Return the initial lengths `[K]`."""
        return unit_lengths(block.layer.parameters())

    def constrain(self, block: Block, state: Tensor) -> None:
        """Rescale the weights of each unit, in place."""
        factor = rescaling(unit_lengths(block.layer.parameters()), state, self.strength)
        for parameter in block.layer.parameters():
            parameter.detach().mul_(per_unit(factor, parameter))
