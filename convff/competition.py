"""Hebbian learning with soft competition: the equations that SoftHebb and Global-guided Hebbian learning share.

Legend: x a layer's normalised input; `u = W * x` without a bias; y the soft winners; w_k the weights of channel k; sums
run over the images n and the positions l of the batch.

Sources: Journe, Rodriguez, Guo & Moraitis 2023, "Hebbian Deep Learning Without Feedback" (SoftHebb);
arXiv 2601.21367, "Global-guided Hebbian learning" (GHL).
"""

import torch
from torch import Tensor

from convff.local_linear import Layer
from convff.outer import outer_weight

TINY = 1e-30  # added to the largest entry, so that zeros stay zeros
SLOW = 0.1  # share of the largest entry


def soft_winners(u: Tensor, temperature: float) -> Tensor:
    """Return `y = softmax_k(t u_k)` over the channels, at each position of each image.

    Args:
        u: `[N, K]` or `[N, K, H, W]`.
        temperature: the inverse temperature t, positive.

    Returns:
        `[N, K, ...]`, in float32 or better: with t u above 50, bfloat16 loses the competition.

    Example:
        >>> soft_winners(torch.tensor([[0.0, 0.0]], dtype=torch.bfloat16), 2.0)
        tensor([[0.5000, 0.5000]])
    """
    # Over the last dimension, which is the fast one: u is channels last in memory.
    exact = u.movedim(1, -1).to(torch.promote_types(u.dtype, torch.float32))
    return torch.softmax(exact if temperature == 1 else exact * temperature, dim=-1).movedim(-1, 1)


def winners(y: Tensor) -> tuple[Tensor, Tensor]:
    """Return the largest value at each position, and the index of its channel, both `[N, 1, ...]`; the first of equals.

    Example:
        >>> [found.tolist() for found in winners(torch.tensor([[0.25, 0.75]]))]
        [[[0.75]], [[1]]]
    """
    top, winner = y.max(dim=1, keepdim=True)
    return top, winner


def anti(y: Tensor, top: Tensor, winner: Tensor) -> Tensor:
    """Return `s_k y_k`, with s = 1 for the winner of each position and -1 for all others: anti-Hebbian losers.

    Args:
        y: soft winners `[N, K, ...]`.
        top: see `winners`.
        winner: see `winners`.

    Example:
        >>> y = torch.tensor([[0.7, 0.2, 0.1]])
        >>> anti(y, *winners(y))
        tensor([[ 0.7000, -0.2000, -0.1000]])
    """
    return torch.neg(y).scatter_(1, winner, top)


def unsigned(y: Tensor, top: Tensor, winner: Tensor) -> Tensor:
    """Return y: every channel learns, as far as it wins; see `anti`."""
    return y


def hard(y: Tensor, top: Tensor, winner: Tensor) -> Tensor:
    """Return y at the winner of each position, and 0 elsewhere: losers learn nothing; see `anti`.

    Example:
        >>> y = torch.tensor([[0.7, 0.2, 0.1]])
        >>> hard(y, *winners(y))
        tensor([[0.7000, 0.0000, 0.0000]])
    """
    return torch.zeros_like(y).scatter_(1, winner, top)


def oja_direction(x: Tensor, u: Tensor, y: Tensor, layer: Layer) -> Tensor:
    """Return `D_k = sum_nl y_k (x - u_k w_k)`: Oja's rule for weighted channels, with one weight-gradient call.

    The first part is the weight gradient of the layer with y as the error, the second a number per channel:
    `D = outer(x, y) - (sum_nl y_k u_k)_k w_k`. A dense layer has one position. No patch is ever unfolded.

    Args:
        x: normalised input `[N, I]` or `[N, I, H, W]`.
        u: `W * x` without a bias, `[N, K]` or `[N, K, H', W']`.
        y: weight of each channel at each position, in the shape of u, of any sign.
        layer: the layer, with the weights W.

    Returns:
        a direction for the weight that a step adds, in float32 or better; the first part is computed in the dtype of u.

    Example:
        >>> layer = torch.nn.Linear(2, 1, bias=False)
        >>> _ = layer.weight.data.copy_(torch.tensor([[1.0, 0.0]]))
        >>> x, u, y = torch.tensor([[1.0, 2.0]]), torch.tensor([[1.0]]), torch.tensor([[1.0]])
        >>> oja_direction(x, u, y, layer)
        tensor([[0., 2.]])
    """
    weight = layer.weight.detach()
    exact = torch.promote_types(u.dtype, torch.float32)
    pull = (y * u).sum(dim=(0, *range(2, u.ndim)))
    outer = outer_weight(x, y.to(u.dtype), layer).to(exact)
    return outer.addcmul_(_per_channel(pull.to(exact), outer), weight.to(exact), value=-1)


def peaks(direction: Tensor) -> Tensor:
    """Return the largest absolute entry of each channel, `[K]`, of a direction `[K, ...]`.

    Example:
        >>> peaks(torch.tensor([[1.0, -3.0], [0.5, 0.0]]))
        tensor([3.0000, 0.5000])
    """
    rest = tuple(range(1, direction.ndim))
    # Not `vector_norm` with infinity, which takes ten times as long.
    return torch.maximum(direction.amax(dim=rest), direction.amin(dim=rest).neg())


def by_largest(direction: Tensor) -> tuple[Tensor, Tensor]:
    """Divide a direction `[K, ...]` by the largest absolute entry of the layer, in place; zeros stay zeros.

    Returns:
        the direction, and the share of channels that are slow: whose largest entry is then less than `SLOW`, as one
        strong channel sets the pace of a layer.

    Example:
        >>> direction, slow = by_largest(torch.tensor([[2.0, -4.0], [0.1, 0.2]]))
        >>> direction, slow
        (tensor([[ 0.5000, -1.0000],
                [ 0.0250,  0.0500]]), tensor(0.5000))
        >>> by_largest(torch.zeros(1, 2))[0]
        tensor([[0., 0.]])
    """
    of_channels = peaks(direction)
    largest = of_channels.amax() + TINY
    return direction.div_(largest), (of_channels < SLOW * largest).float().mean()


def competing(layer: Layer, z: Tensor) -> Tensor:
    """Return `u = W * x`, for the output z of a layer `[N, K, ...]`: z without the layer's bias.

    Example:
        >>> layer = torch.nn.Linear(1, 1)
        >>> x = torch.ones(1, 1)
        >>> torch.allclose(competing(layer, layer(x)), layer.weight)
        True
    """
    if layer.bias is None:
        return z
    return z - layer.bias.to(z.dtype).view(-1, *[1] * (z.ndim - 2))


def _per_channel(values: Tensor, weight: Tensor) -> Tensor:
    """Return values `[K]` shaped to broadcast against a weight `[K, ...]`."""
    return values.view(-1, *[1] * (weight.ndim - 1))
