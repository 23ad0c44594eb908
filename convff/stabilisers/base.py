"""What a stabiliser is."""

import math
from typing import Any, ClassVar, NamedTuple, Protocol

from torch import Tensor

from convff.network import Block


class GatedStep(NamedTuple):
    """What a stabiliser sees of one step of one block.

    Args:
        block: the block.
        x: normalised input `[N, ...]`.
        a: activity `[N, ...]`.
        c: the signed weights in the rule's direction, which broadcast against the activity: `[N]` for one per pass, or
            `[N, C]` or `[N, C, 1, 1]` for one per unit or channel.
        open_weight: what the right tries of the batch would weigh together if all gates were fully open: B for HebbFF,
            `2 s / n` for FF. It tells a piece on what scale the rule's direction is.
    """

    block: Block
    x: Tensor
    a: Tensor
    c: Tensor
    open_weight: float


class Stabiliser(Protocol):
    """A piece to be put beside a gated rule by `convff.rules.Stabilised`; it overrides what it needs of the methods.

    A bias is the weight of a constant input 1, as in HebbFF's equation 4, so every piece holds it like a weight: left
    alone it would grow without bound, and the activity with it.

    A term is linear in the batch: summed or averaged over shares as the rule's direction is, it is that of the whole
    batch. A piece that cannot do this says so by `needs_whole_batch`, and is refused in several processes.
    """

    needs_whole_batch: ClassVar[bool] = False

    def init(self, block: Block) -> Any:
        """The state before the first step; none."""
        return None

    def term(self, step: GatedStep, state: Any) -> tuple[dict[str, Tensor], Any]:
        """What is added to the direction, by parameter name and with the sign of an ascent, and the state; nothing."""
        return {}, state

    def constrain(self, block: Block, state: Any) -> None:
        """Put the parameters back where they have to be, after each step; nothing."""


def refuse_strength(strength: float, most: float = math.inf) -> None:
    """Refuse a strength that is negative, infinite, not a number, or above `most`.

    Raises:
        ValueError: the strength is out of range.

    Example:
        >>> refuse_strength(2.0, most=1.0)
        Traceback (most recent call last):
        ...
        ValueError: strength must lie in [0, 1], not 2.0
    """
    if not (0 <= strength <= most and math.isfinite(strength)):
        allowed = "be finite and at least 0" if most == math.inf else f"lie in [0, {most:g}]"
        raise ValueError(f"strength must {allowed}, not {strength}")
