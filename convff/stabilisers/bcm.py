"""The sliding threshold of Bienenstock, Cooper & Munro: `lambda sum_n |c_n| a_nk (a_nk - theta_k) x_n^T`."""

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from convff.network import Block
from convff.outer import gated, outer_product
from convff.stabilisers.base import GatedStep, Stabiliser, per_unit, refuse_momentum, refuse_strength
from convff.stabilisers.equations import bcm_response, sliding_threshold


@dataclass(frozen=True, kw_only=True)
class SlidingThreshold(Stabiliser):
    """A unit unlearns below its usual activity: `lambda sum_n |c_n| a_nk (a_nk - theta_k) x_n^T` (BCM 1982).

    `theta_k` is the running mean of `a_k^2` over the passes (and positions), this batch's included, so a unit that
    becomes more active unlearns more. It costs a second weight gradient.

    Args:
        strength: lambda, at least 0. The default is ours, and small for the same reason as Oja's; at 1 the term is many
            times as large as the gated direction.
        momentum: tau in [0, 1): the threshold forgets a batch in about `1 / (1 - tau)` steps. The slower it slides, the
            smaller the steps must be: a unit that outgrows its threshold may overshoot and fall silent.

    Raises:
        ValueError: the strength is negative or not finite, or the momentum is not in [0, 1).
    """

    needs_whole_batch: ClassVar[bool] = True  # each process would compute the threshold from its own images

    strength: float = 0.001
    momentum: float = 0.9

    def __post_init__(self) -> None:
        refuse_strength(self.strength)
        refuse_momentum(self.momentum)

    def init(self, block: Block) -> Tensor:
        """Return the thresholds `[K]`, in float32 or better: NaN before the first batch."""
        return per_unit(block, torch.nan)

    def term(self, step: GatedStep, state: Tensor) -> tuple[dict[str, Tensor], Any]:
        """Return the outer product with BCM's response instead of the activity, and the new thresholds."""
        theta = sliding_threshold(step.a, state, self.momentum)
        weights = self.strength * step.c.abs()
        directions = outer_product(step.x, gated(bcm_response(step.a, theta), weights), step.block.layer)
        named = zip(step.block.layer.named_parameters(), directions, strict=False)  # there may be no bias
        return {name: direction.to(parameter.dtype) for (name, parameter), direction in named}, theta
