"""A step as long as a share of the weights: `W <- W - lr |W| m / |m|`."""

from collections.abc import Iterable

import torch
from torch import Tensor

from convff.optimizers.common import length, with_momentum


class RelativeStep(torch.optim.Optimizer):
    """A step as long as a fixed share of the weights: `W <- W - lr |W| m / |m|`, `m <- momentum m + grad`.

    The norms run over all given parameters, weight and bias of a block together. A Hebbian direction is a sum
    over images and positions, whose length differs by orders of magnitude between layers and grows with the
    activity it strengthens; relative to the weights, one rate fits all blocks and none dies in one step.
    The layer-wise trust ratio comes from LARS (You et al. 2017, "Large Batch Training of Convolutional Networks"); here
    the ratio alone sets the length.

    Args:
        params: the parameters of one block.
        lr: length of a step as a share of the weights' length, e.g. 0.01.
        momentum: in [0, 1).

    Example:
        >>> weight = torch.nn.Parameter(torch.tensor([3.0, 4.0]))
        >>> weight.grad = torch.tensor([0.0, 7.0])
        >>> RelativeStep([weight], lr=0.1).step()
        >>> weight.data
        tensor([3.0000, 3.5000])
    """

    def __init__(self, params: Iterable[Tensor], lr: float = 0.01, momentum: float = 0.0) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Take one step along the parameters' `.grad`."""
        for group in self.param_groups:
            parameters = [p for p in group["params"] if p.grad is not None]
            moved = [with_momentum(self.state[p], p.grad, group["momentum"]) for p in parameters]
            weights, direction = length(parameters), length(moved)
            # Do not step a dead layer: its momentum decays, but the normalised step would not.
            alive = (direction > 0) & (length([p.grad for p in parameters if p.grad is not None]) > 0)
            share = torch.where(alive, group["lr"] * weights / direction, 0.0)
            for p, m in zip(parameters, moved, strict=True):
                p.addcmul_(m, share, value=-1)
