"""Weights of constant length."""

from dataclasses import dataclass

from torch import Tensor

from convff.network import Block
from convff.stabilisers.base import Stabiliser, refuse_strength
from convff.stabilisers.equations import per_unit, rescaling, unit_lengths


@dataclass(frozen=True, kw_only=True)
class WeightNorm(Stabiliser):
    """After each step a unit's weights are set back to the length they started with.

    Multiplicative normalisation (von der Malsburg 1973; Miller & MacKay 1994): weights compete for a fixed length. A
    network whose goodness may not grow by its weights alone has to tell right from wrong by their directions.

    Args:
        strength: the share of the way back, in [0, 1]; 1 keeps the length.

    Raises:
        ValueError: the strength is out of range.
    """

    strength: float = 1.0

    def __post_init__(self) -> None:
        refuse_strength(self.strength, most=1.0)

    def init(self, block: Block) -> Tensor:
        """The lengths `[K]` at the start."""
        return unit_lengths(block.layer.parameters())

    def constrain(self, block: Block, state: Tensor) -> None:
        """Rescale the weights of each unit, in place."""
        factor = rescaling(unit_lengths(block.layer.parameters()), state, self.strength)
        for parameter in block.layer.parameters():
            parameter.detach().mul_(per_unit(factor, parameter))
