"""Peer normalisation: `lambda (m - m_k) x^T` for right passes; m_k is a unit's usual activity, m the mean of all."""

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from convff.network import Block
from convff.outer import outer_product
from convff.stabilisers.base import GatedStep, Stabiliser, per_unit, refuse_momentum, refuse_strength
from convff.stabilisers.equations import peer_push, running_activity


@dataclass(frozen=True, kw_only=True)
class PeerNormalisation(Stabiliser):
    """A unit less active than its peers learns the right passes, and a more active one unlearns them.

    `m_k <- tau m_k + (1 - tau) mean a_k` over the right passes of the batch. `lambda (m - m_k)` with `m = mean_k m_k`
    is added to what every right pass does to the input of unit k, whether it is active or not: silent units come back.
    The term is of rank one, `lambda (m - m_k) (x) mean_b x_b`, on the scale of the rule's direction.

    A unit of a convolution is a filter: its mean is also over the positions, and the push is the same at all of them,
    so its weights move by the sum over the positions, as they do by the rule (ours).

    Args:
        strength: lambda, at least 0; 0.03 in Hinton's code.
        momentum: tau in [0, 1).
        start: m_k before the first batch, for all units.

    Raises:
        ValueError: the strength or the start is negative or not finite, or the momentum is not in [0, 1).

    Example:
        >>> piece = PeerNormalisation(strength=1.0, momentum=0.0)
        >>> layer = torch.nn.Linear(2, 2)
        >>> block = Block(torch.nn.Identity(), layer)
        >>> x, a = torch.tensor([[1.0, 2.0]]), torch.tensor([[0.0, 1.0]])  # the first unit is silent
        >>> term, means = piece.term(GatedStep(block, x, a, torch.ones(1), 1.0), piece.init(block))
        >>> term["weight"], means
        (tensor([[ 0.5000,  1.0000],
                [-0.5000, -1.0000]]), tensor([0., 1.]))

    Reference:
        Hinton 2022, section 3.2, footnote 9 ("peer normalization"); the equation is that of his own Matlab code,
        `ffnew.m`.
    """

    needs_whole_batch: ClassVar[bool] = True  # each process would average its own images

    strength: float = 0.03
    momentum: float = 0.9
    start: float = 0.5

    def __post_init__(self) -> None:
        refuse_strength(self.strength)
        refuse_momentum(self.momentum)
        if not 0 <= self.start < math.inf:
            raise ValueError(f"start must be at least 0 and finite, got {self.start}")

    def init(self, block: Block) -> Tensor:
        """Return the usual activities `[K]`, in float32 or better."""
        return per_unit(block, self.start)

    def term(self, step: GatedStep, state: Tensor) -> tuple[dict[str, Tensor], Any]:
        """Return the push times the mean input of the right passes, and the new usual activities."""
        right = step.a[:: step.passes]
        means = running_activity(right, state, self.momentum)
        push = self.strength * step.open_weight * peer_push(means)
        x = step.x[:: step.passes].mean(dim=0, keepdim=True, dtype=means.dtype)
        # The same at every position of the map: the outer product sums it.
        post = push.view(1, -1, *[1] * (right.ndim - 2)).expand_as(right[:1])
        with torch.autocast(post.device.type, enabled=False):
            directions = outer_product(x, post, step.block.layer)
        named = zip(step.block.layer.named_parameters(), directions, strict=False)  # there may be no bias
        return {name: direction.to(parameter.dtype) for (name, parameter), direction in named}, means

    def metrics(self, state: Tensor) -> dict[str, Tensor]:
        """Return `peer_spread`, the standard deviation of the units' usual activities over their mean."""
        return {"peer_spread": state.std(correction=0) / state.mean().clamp_min(torch.finfo(state.dtype).tiny)}
