"""Optimisers that apply a rule's directions, one a block."""

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn


class RelativeStep(torch.optim.Optimizer):
    """A step as long as a fixed share of the weights: `W <- W - lr |W| m / |m|`, `m <- momentum m + grad`.

    The norms run over all the parameters given, weight and bias of a block together. A Hebbian direction is a sum
    over images and positions, whose length differs by orders of magnitude between layers and grows with the
    activity it strengthens; measured against the weights, one rate fits all blocks and none dies in one step.
    The idea of a layer-wise trust ratio is that of LARS (You et al. 2017, "Large Batch Training of Convolutional
    Networks"); here the ratio is all there is.

    Args:
        params: the parameters of one block.
        lr: length of a step as a share of the weights' length, e.g. 0.01.
        momentum: in [0, 1).

    Example:
        >>> weight = nn.Parameter(torch.tensor([3.0, 4.0]))
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
            moved = [self._momentum(p, group["momentum"]) for p in parameters]
            weights, direction = _length(parameters), _length(moved)
            # A layer that has died stays as it is: what it remembers fades, but a step would be as long as ever.
            alive = (direction > 0) & (_length([p.grad for p in parameters if p.grad is not None]) > 0)
            share = torch.where(alive, group["lr"] * weights / direction, 0.0)
            for p, m in zip(parameters, moved, strict=True):
                p.addcmul_(m, share, value=-1)

    def _momentum(self, p: Tensor, momentum: float) -> Tensor:
        assert p.grad is not None
        if momentum == 0:
            return p.grad
        state = self.state[p]
        if "momentum" not in state:
            state["momentum"] = torch.zeros_like(p)
        kept: Tensor = state["momentum"]
        return torch.add(p.grad, kept, alpha=momentum, out=kept)


def _length(tensors: list[Tensor]) -> Tensor:
    """The Euclidean length of several tensors taken as one vector."""
    length: Tensor = torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(t) for t in tensors]))
    return length


def _adam(params: Iterable[nn.Parameter], lr: float, momentum: float) -> torch.optim.Optimizer:
    params = list(params)
    fused = all(parameter.device.type in ("cpu", "cuda") for parameter in params)
    return torch.optim.Adam(params, lr=lr, betas=(momentum, 0.999), fused=fused)


def _sgd(params: Iterable[nn.Parameter], lr: float, momentum: float) -> torch.optim.Optimizer:
    return torch.optim.SGD(params, lr=lr, momentum=momentum)


OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "adam": _adam,
    "sgd": _sgd,
    "relative": RelativeStep,
}
