"""A step whose rate depends on the length of each neuron's weights: `eta_k = lr | |w_k| - 1 |^(1/2) + 1e-10`."""

from collections.abc import Iterable

import torch
from torch import Tensor

from convff.optimizers.common import with_momentum
from convff.units import per_unit, unit_lengths

LEAST = 1e-10  # added to every rate


class NormDependentStep(torch.optim.Optimizer):
    """Each neuron's rate falls as the length of its weights comes near 1: `w_k <- w_k - eta_k grad_k`.

    `eta_k = lr | |w_k| - target |^power + 1e-10`, over all weights of the neuron, its bias among them. Under Oja's rule
    lengths go to 1, so each neuron ends its own learning when it is done.

    Args:
        params: the parameters of one block, each `[O, ...]`.
        lr: rate of a neuron whose length is off by 1, positive.
        momentum: in [0, 1); SoftHebb has none.
        target: the length at which learning ends.
        power: exponent, positive.

    Raises:
        ValueError: a rate or power that is not positive.

    Example:
        >>> weight = torch.nn.Parameter(torch.tensor([[3.0, 4.0], [0.0, 1.0]]))
        >>> weight.grad = torch.ones(2, 2)
        >>> NormDependentStep([weight], lr=0.1).step()
        >>> [[round(entry, 6) for entry in neuron] for neuron in weight.tolist()]
        [[2.8, 3.8], [-0.0, 1.0]]

    Reference:
        Journe et al. 2023 (SoftHebb), the weight-norm-dependent adaptive learning rate.
    """

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float = 0.05,
        momentum: float = 0.0,
        *,
        target: float = 1.0,
        power: float = 0.5,
    ) -> None:
        if not lr > 0 or not power > 0:
            raise ValueError(f"rate and power must be positive, got {lr} and {power}")
        super().__init__(params, {"lr": lr, "momentum": momentum, "target": target, "power": power})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Take one step along the parameters' `.grad`."""
        for group in self.param_groups:
            moving = [p for p in group["params"] if p.grad is not None]
            if not moving:
                continue
            rates = group["lr"] * (unit_lengths(moving) - group["target"]).abs().pow(group["power"]) + LEAST
            for p in moving:
                moved = with_momentum(self.state[p], p.grad, group["momentum"])
                p.addcmul_(moved, per_unit(rates, p), value=-1)
