"""A step with its own length for every neuron: `w_j <- w_j - lr |w_j| m_j / sqrt(v_j)`."""

from collections.abc import Iterable

import torch
from torch import Tensor

from convff.optimizers.common import with_momentum
from convff.units import per_unit, unit_lengths, unit_squares


class PerNeuronStep(torch.optim.Optimizer):
    """Each neuron scales its step by the usual length of its own direction: `w_j <- w_j - lr |w_j| m_j / sqrt(v_j)`.

    `m_j` is the momentum of neuron j's weights and `v_j` a running mean of `|grad_j|^2` over about
    `1 / (1 - memory)` steps, corrected for the bias of the first steps. Its long memory lets steps shrink as the gates
    close, as with Adam; a neuron needs only one number about itself. The bias of a neuron is one of its weights.

    Args:
        params: the parameters of one block, each `[O, ...]`.
        lr: length of a step as a share of the neuron's weights, e.g. 0.01.
        momentum: in [0, 1); `m <- momentum m + (1 - momentum) grad`.
        memory: in [0, 1).

    Example:
        >>> weight = torch.nn.Parameter(torch.tensor([[3.0, 4.0], [1.0, 0.0]]))
        >>> weight.grad = torch.tensor([[0.0, 70.0], [0.0, 0.1]])
        >>> PerNeuronStep([weight], lr=0.1, momentum=0.0).step()
        >>> weight.data
        tensor([[ 3.0000,  3.5000],
                [ 1.0000, -0.1000]])

    Reference:
        One second moment per neuron instead of per weight: Zhang et al. 2024, "Adam-mini".
    """

    def __init__(
        self, params: Iterable[Tensor], lr: float = 0.01, momentum: float = 0.9, *, memory: float = 0.999
    ) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "memory": memory})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Take one step along the parameters' `.grad`."""
        for group in self.param_groups:
            moving = [p for p in group["params"] if p.grad is not None]
            if not moving:
                continue
            state, momentum, memory = self.state[moving[0]], group["momentum"], group["memory"]
            squares = unit_squares([p.grad for p in moving if p.grad is not None])
            state["steps"] = state.get("steps", 0) + 1
            state["squares"] = torch.lerp(squares, state.get("squares", torch.zeros_like(squares)), memory)
            usual = (state["squares"] / (1 - memory ** state["steps"])).sqrt()
            share = group["lr"] * unit_lengths(moving) / usual.clamp_min(torch.finfo(usual.dtype).tiny)
            for p in moving:
                kept = with_momentum(self.state[p], p.grad, momentum)
                # A running mean, so that a rate means the same for every momentum.
                mean = kept * ((1 - momentum) / (1 - momentum ** state["steps"])) if momentum else kept
                p.sub_(mean * per_unit(share, p))
