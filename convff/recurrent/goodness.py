"""Inference by settling: let the network settle under every label, and choose the one with the highest goodness."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from convff.local_linear import LocalLinear
from convff.network import evaluating
from convff.recurrent.network import RecurrentNet
from convff.recurrent.settling import Settling, Updates

AS_MANY = 2**24  # numbers of one layer that are computed at once: 64 MiB in float32


def refuse_counted(counted: tuple[int, int], iterations: int) -> None:
    """Raise unless the iterations that are counted exist.

    Args:
        counted: the first and the last one, counted from 1.
        iterations: how many there are.

    Raises:
        ValueError: they do not exist, or there are none.
    """
    first, last = counted
    if not 1 <= first <= last <= iterations:
        raise ValueError(f"counted must be two iterations from 1 to {iterations}, the first not later, got {counted}")


@torch.no_grad()
def settled_goodness(
    net: RecurrentNet,
    images: Tensor,
    *,
    goodness: Callable[[Tensor], Tensor],
    counted: tuple[int, int] = (3, 5),
    damping: float = 0.7,
    updates: Updates = "synchronous",
    candidates: Tensor | None = None,
) -> Tensor:
    """Return the goodness of every layer for every label, averaged over some iterations; the later ones are not run.

    Args:
        net: the network.
        images: float `[B, C, H, W]`.
        goodness: the rule's goodness of a state, `[N]` of `[N, n]`.
        counted: the first and the last iteration that count, from 1.
        damping: see `Settling`.
        updates: see `Settling`.
        candidates: int64 `[B, M]`, the labels to try for each image; all if omitted.

    Returns:
        float32 or better `[layers, B, K]`, or `[layers, B, M]` for candidates.

    Raises:
        ValueError: the iterations that count do not exist.

    Example:
        >>> from convff import sum_goodness
        >>> from convff.models import recurrent_mlp
        >>> net = recurrent_mlp((1, 8, 8), classes=3, widths=(6, 5))
        >>> settled_goodness(net, torch.rand(2, 1, 8, 8), goodness=sum_goodness).shape
        torch.Size([2, 2, 3])

    Reference:
        Hinton 2022, section 3.4: "run for 8 iterations with each of the 10 labels and pick the label that has the
        highest goodness averaged over iterations 3 to 5".
    """
    refuse_counted(counted, counted[1])
    if candidates is None:
        candidates = torch.arange(net.classes, device=images.device).expand(images.shape[0], -1)
    rows = max(1, AS_MANY // (candidates.shape[1] * _numbers(net)))
    with evaluating(net):
        parts = [
            averaged_goodness(Settling(net, some, tried, damping=damping, updates=updates), goodness, counted)
            for some, tried in zip(images.split(rows), candidates.split(rows), strict=True)
        ]
    return torch.cat(parts, dim=1).view(len(net), *candidates.shape)


def _numbers(net: RecurrentNet) -> int:
    """Return the most numbers that a layer needs per pass: its state, or the windows of local fields."""
    windows = [block.layer.sources.numel() for block in net if isinstance(block.layer, LocalLinear)]
    return max([*net.widths, *windows])


def averaged_goodness(settling: Settling, goodness: Callable[[Tensor], Tensor], counted: tuple[int, int]) -> Tensor:
    """Return the goodness `[layers, N]` of a network that settles, averaged over iterations `counted`.

    Args:
        settling: before its first iteration.
        goodness: the rule's goodness of a state, `[N]` of `[N, n]`.
        counted: the first and the last iteration that count, from 1.
    """
    first, last = counted
    found: Sequence[Tensor] = []
    for iteration in range(1, last + 1):
        moved = settling.iterate()
        if iteration >= first:
            found = [*found, torch.stack([goodness(layer.state) for layer in moved])]
    return torch.stack([*found]).mean(dim=0)
