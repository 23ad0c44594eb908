"""Protocol of a stabiliser."""

import math
from typing import Any, ClassVar, NamedTuple, Protocol

import torch
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
        open_weight: scale of the rule's direction: the total weight of the right tries of the batch if all gates were
            fully open, B for HebbFF and `2 s / n` for FF.
        passes: passes per image, in a row; the first is the right one.
    """

    block: Block
    x: Tensor
    a: Tensor
    c: Tensor
    open_weight: float
    passes: int = 1


class Stabiliser(Protocol):
    """A term or a constraint that `convff.rules.Stabilised` adds to a gated rule; it overrides the methods it needs.

    A bias is the weight of a constant input 1, as in HebbFF's equation 4, so stabilisers treat it as a weight:
    otherwise it would grow without bound, and the activity with it.

    A term is linear in the batch: summed or averaged over shards like the rule's direction, it is the term of the whole
    batch. A stabiliser whose term is not sets `needs_whole_batch`, and is refused with several processes.
    """

    needs_whole_batch: ClassVar[bool] = False

    def init(self, block: Block) -> Any:
        """Return the state before the first step; None by default."""
        return None

    def term(self, step: GatedStep, state: Any) -> tuple[dict[str, Tensor], Any]:
        """Return the ascent to add, by parameter name, and the new state; no ascent by default."""
        return {}, state

    def metrics(self, state: Any) -> dict[str, Tensor]:
        """Return what the state says of a block, as 0-d tensors by name; nothing by default."""
        return {}

    def constrain(self, block: Block, state: Any) -> None:
        """Constrain the parameters in place after each step; a no-op by default."""


def per_unit(block: Block, value: float) -> Tensor:
    """Return a number for each unit (or filter) of a block, `[K]`, in float32 or better: the start of a running mean.

    Example:
        >>> from torch import nn
        >>> per_unit(Block(nn.Identity(), nn.Linear(3, 2)), 0.5)
        tensor([0.5000, 0.5000])
    """
    weight = block.layer.weight
    dtype = torch.promote_types(weight.dtype, torch.float32)
    return torch.full((len(weight),), value, dtype=dtype, device=weight.device)


def refuse_momentum(momentum: float) -> None:
    """Raise if a momentum is not in [0, 1).

    Raises:
        ValueError: the momentum is out of range.
    """
    if not 0 <= momentum < 1:
        raise ValueError(f"momentum must be in [0, 1), got {momentum}")


def refuse_strength(strength: float, most: float = math.inf) -> None:
    """Raise if a strength is negative, infinite, NaN, or above `most`.

    Raises:
        ValueError: the strength is out of range.

    Example:
        >>> refuse_strength(2.0, most=1.0)
        Traceback (most recent call last):
        ...
        ValueError: strength must be in [0, 1], got 2.0
    """
    if not (0 <= strength <= most and math.isfinite(strength)):
        allowed = "be finite and at least 0" if most == math.inf else f"be in [0, {most:g}]"
        raise ValueError(f"strength must {allowed}, got {strength}")
