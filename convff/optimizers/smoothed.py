"""A step along the smoothed direction, with decay of its own: `m <- d m + (1 - d) grad`, `w <- w - lr (m + c w)`."""

from collections.abc import Iterable

import torch
from torch import Tensor


class SmoothedStep(torch.optim.Optimizer):
    """A step along a running mean of the direction, beside a decay of the weights: `w <- w - lr (m + c w)`.

    The mean `m <- d m + (1 - d) grad` starts from 0, so the first step takes a fraction 1 - d of the direction. The
    decay does not go through the mean. Biases, parameters of one dimension, do not decay. Torch's SGD differs in all
    three: its first step is undamped, its decay is part of the direction, and its biases decay.

    Args:
        params: the parameters of one block.
        lr: learning rate; the decay is relative to it.
        momentum: d in [0, 1).
        weight_decay: c, at least 0.

    Raises:
        ValueError: a number is out of its range.

    Example:
        >>> weight, bias = torch.nn.Parameter(torch.ones(1, 1)), torch.nn.Parameter(torch.ones(1))
        >>> weight.grad, bias.grad = torch.ones(1, 1), torch.ones(1)
        >>> SmoothedStep([weight, bias], lr=0.5, momentum=0.5, weight_decay=0.5).step()
        >>> weight.item(), bias.item()
        (0.5, 0.75)

    Reference:
        Hinton 2022; the rule is that of his own Matlab code, `ffnew.m`, where d is called delay and c wc.
    """

    def __init__(
        self, params: Iterable[Tensor], lr: float = 0.01, momentum: float = 0.9, *, weight_decay: float = 0.0
    ) -> None:
        if not (lr > 0 and 0 <= momentum < 1 and weight_decay >= 0):
            raise ValueError(
                "lr must be positive, momentum in [0, 1) and weight_decay at least 0, "
                f"got {lr}, {momentum} and {weight_decay}"
            )
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Take one step along the parameters' `.grad`."""
        for group in self.param_groups:
            lr, momentum = group["lr"], group["momentum"]
            for p in group["params"]:
                if p.grad is None:
                    continue
                state = self.state[p]
                if "mean" not in state:
                    state["mean"] = torch.zeros_like(p)
                mean: Tensor = state["mean"]
                mean.lerp_(p.grad, 1 - momentum)
                if group["weight_decay"] and p.ndim > 1:
                    p.mul_(1 - lr * group["weight_decay"])  # of the weights before the step
                p.sub_(mean, alpha=lr)
