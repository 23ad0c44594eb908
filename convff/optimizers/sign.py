"""A step of the same size for every synapse: `W <- W - lr rms(W) sign(m)`."""

from collections.abc import Iterable

import torch
from torch import Tensor

from convff.optimizers.common import with_momentum


class SignStep(torch.optim.Optimizer):
    """Every weight moves by the same amount, up or down: `W <- W - lr rms(W) sign(m)`, `m <- momentum m + grad`.

    A synapse only needs the sign of its own trace, which suits hardware best. The root mean square runs over all given
    parameters, weight and bias of a block together.

    Args:
        params: the parameters of one block.
        lr: step as a share of the root mean square of the weights, e.g. 0.01.
        momentum: in [0, 1).

    Example:
        >>> weight = torch.nn.Parameter(torch.tensor([2.0, -2.0]))
        >>> weight.grad = torch.tensor([0.1, -70.0])
        >>> SignStep([weight], lr=0.1).step()
        >>> weight.data
        tensor([ 1.8000, -1.8000])

    Reference:
        Bernstein et al. 2018, "signSGD" ("Signum" with momentum).
    """

    def __init__(self, params: Iterable[Tensor], lr: float = 0.01, momentum: float = 0.9) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Take one step along the parameters' `.grad`."""
        for group in self.param_groups:
            moving = [p for p in group["params"] if p.grad is not None]
            if not moving:
                continue
            rms = torch.cat([p.flatten() for p in moving]).square().mean().sqrt()
            for p in moving:
                p.sub_(torch.sign(with_momentum(self.state[p], p.grad, group["momentum"])) * (group["lr"] * rms))
