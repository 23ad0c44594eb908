"""What the weights of a network are before any training. A new way is a function and a row of the table."""

from collections.abc import Callable

import torch

from convff.local_linear import LocalLinear
from convff.network import LayerLocalNet


def unchanged(net: LayerLocalNet) -> None:
    """Leave the weights as the network was built: PyTorch's own, unless the network says otherwise."""


@torch.no_grad()
def normal(net: LayerLocalNet) -> None:
    """Draw the weights of all blocks from N(0, 1 / inputs of a unit), with biases of 0 (Hinton 2022, his Matlab code).

    A layer of n units with normalised input then has a goodness of about n/2 as the sum of squares, three times that
    of PyTorch's own weights, which are uniform within `1 / sqrt(inputs)`. The draw is from global randomness, as that
    of PyTorch's own weights.

    Args:
        net: the network; changed in place.

    Example:
        >>> from convff import mlp
        >>> net = mlp((1, 28, 28), widths=(1000,))
        >>> normal(net)
        >>> layer = next(iter(net)).layer
        >>> round(layer.weight.std().item() * 28, 1), layer.bias.any().item()
        (1.0, False)
    """
    for block in net:
        weight, bias = block.layer.weight, block.layer.bias
        weight.normal_(0.0, weight[0].numel() ** -0.5)
        if isinstance(block.layer, LocalLinear):
            block.layer.constrain_()
        if bias is not None:
            bias.zero_()


INITIAL_WEIGHTS: dict[str, Callable[[LayerLocalNet], None]] = {"own": unchanged, "normal": normal}
