"""The states of a recurrent network while it settles, iteration by iteration: what figures and maps are made of."""

import torch
from torch import Tensor

from convff.recurrent.network import RecurrentNet
from convff.recurrent.settling import Settling, Updates


def settled_states(
    net: RecurrentNet,
    images: Tensor,
    labels: Tensor,
    *,
    iterations: int,
    damping: float = 0.7,
    updates: Updates = "synchronous",
) -> list[Tensor]:
    """Return the state of every layer before the first iteration and after each one.

    All states are kept, unlike in learning and in `settled_goodness`: use it for a few images. Gradients flow through
    the settling.

    Args:
        net: the network.
        images: float `[B, C, H, W]`.
        labels: int64 `[B, P]`, the labels to try for each image.
        iterations: T, at least 0.
        damping: see `Settling`.
        updates: see `Settling`.

    Returns:
        `[B * P, T + 1, n]` for each layer of n units, the lowest first. The first state is that of the single pass from
        the bottom up, the same under every label.

    Raises:
        ValueError: a negative number of iterations; for others see `Settling`.

    Example:
        >>> from convff.models import recurrent_mlp
        >>> net = recurrent_mlp((1, 8, 8), classes=3, widths=(6, 5))
        >>> every = torch.arange(3).expand(2, -1)
        >>> [tuple(states.shape) for states in settled_states(net, torch.rand(2, 1, 8, 8), every, iterations=4)]
        [(6, 5, 6), (6, 5, 5)]

    Reference:
        Hinton 2022, section 3.4.
    """
    if iterations < 0:
        raise ValueError(f"iterations must be at least 0, got {iterations}")
    settling = Settling(net, images, labels, damping=damping, updates=updates)
    seen = [[state] for state in settling.states]
    for _ in range(iterations):
        for states, moved in zip(seen, settling.iterate(), strict=True):
            states.append(moved.state)
    return [torch.stack(states, dim=1) for states in seen]
