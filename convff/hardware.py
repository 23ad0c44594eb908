"""Mortal computation: dense layers of hardware whose unknown variations are part of what a network computes."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from convff.network import LayerLocalNet
from convff.randomness import keyed_generator

LEAST = 0.1  # of a slope or a gain: none has the wrong sign


@dataclass(frozen=True, kw_only=True)
class Variations:
    """How much one piece of hardware differs from another.

    Args:
        slopes: standard deviation of the slope of a unit around 1; no slope is below 0.1.
        gains: standard deviation of the gain of a connection around 1; no gain is below 0.1.
        absent: share of the connections that do not exist.

    Raises:
        ValueError: a deviation is negative or not finite, or the share is not in [0, 1).

    Reference:
        Hinton 2022, section 8: "large and unknown variations in the connectivity and non-linearities of different
        instances of hardware". Their sizes are ours.
    """

    slopes: float = 0.3
    gains: float = 0.3
    absent: float = 0.1

    def __post_init__(self) -> None:
        for name, value in (("slopes", self.slopes), ("gains", self.gains)):
            if not 0 <= value < float("inf"):
                raise ValueError(f"{name} must be at least 0 and finite, got {value}")
        if not 0 <= self.absent < 1:
            raise ValueError(f"absent must be in [0, 1), got {self.absent}")


class HardwareLinear(nn.Linear):
    """A dense layer of one piece of hardware: `z_k = s_k (sum_j g_kj W_kj x_j + b_k)`, with s and g that nobody knows.

    With ReLU, s_k is the slope of unit k, and g_kj the gain of a connection, 0 if there is none. They are fixed, differ
    from piece to piece, and are saved with the network. A Hebbian rule needs only the input and the activity that the
    hardware really has, so it learns on it unchanged; its direction is no gradient there, but each unit's has the
    gradient's sign at every connection.

    Args:
        in_features: inputs.
        out_features: units.
        variations: how much the hardware varies.
        generator: draws this piece's slopes, gains and connections.
        bias: whether units have a bias.

    Attributes:
        slopes: s, `[O]`.
        gains: g, `[O, I]`.

    Example:
        >>> none = Variations(slopes=0.0, gains=0.0, absent=0.0)
        >>> perfect = HardwareLinear(3, 2, variations=none, generator=keyed_generator(0, "piece"))
        >>> x = torch.rand(4, 3)
        >>> torch.equal(perfect(x), nn.functional.linear(x, perfect.weight, perfect.bias))
        True

    Reference:
        Hinton 2022, section 8, "Mortal Computation".
    """

    slopes: Tensor
    gains: Tensor

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        variations: Variations,
        generator: torch.Generator,
        bias: bool = True,
    ) -> None:
        super().__init__(in_features, out_features, bias)

        def around_one(*shape: int, deviation: float) -> Tensor:
            return (1 + deviation * torch.randn(shape, generator=generator)).clamp_min(LEAST)

        slopes = around_one(out_features, deviation=variations.slopes)
        gains = around_one(out_features, in_features, deviation=variations.gains)
        present = torch.rand(out_features, in_features, generator=generator) >= variations.absent
        self.register_buffer("slopes", slopes.to(self.weight))
        self.register_buffer("gains", (gains * present).to(self.weight))

    def forward(self, x: Tensor) -> Tensor:
        """Return what the hardware computes, `[N, O]`, for an input `[N, I]`."""
        return self.slopes.to(x.dtype) * F.linear(x, self.weight * self.gains, self.bias)


def on_hardware(net: LayerLocalNet, variations: Variations, seed: int) -> LayerLocalNet:
    """Put the dense layers of a network on a piece of hardware, with the weights that they have.

    Args:
        net: the network; its layers are replaced.
        variations: how much the hardware varies.
        seed: which piece of hardware it is.

    Returns:
        the same network.

    Raises:
        TypeError: a layer is no `nn.Linear`.

    Example:
        >>> from convff import mlp
        >>> net = on_hardware(mlp((1, 8, 8), widths=(6, 4)), Variations(), seed=1)
        >>> [type(block.layer).__name__ for block in net]
        ['HardwareLinear', 'HardwareLinear']
    """
    for block in net:
        layer = block.layer
        if not isinstance(layer, nn.Linear):
            raise TypeError(f"hardware is for dense layers, and block {block.index + 1} has {type(layer).__name__}")
    for block in net:
        layer = block.layer
        assert isinstance(layer, nn.Linear)
        placed = HardwareLinear(
            layer.in_features,
            layer.out_features,
            variations=variations,
            generator=keyed_generator(seed, "hardware", block.index),
            bias=layer.bias is not None,
        ).to(layer.weight)
        placed.load_state_dict(layer.state_dict(), strict=False)  # not the hardware's own slopes and gains
        block.layer = placed
    return net


@torch.no_grad()
def copy_weights(source: LayerLocalNet, target: LayerLocalNet) -> None:
    """Copy all weights and biases from one network to another of the same shape, but nothing of its hardware.

    Args:
        source: where from.
        target: where to; changed in place.

    Raises:
        ValueError: the networks have other layers.

    Example:
        >>> from convff import mlp
        >>> one, other = (on_hardware(mlp((1, 8, 8), widths=(6,)), Variations(), seed) for seed in (0, 1))
        >>> copy_weights(one, other)
        >>> [torch.equal(a, b) for a, b in zip(one.state_dict().values(), other.state_dict().values())]
        [True, True, False, False]
    """
    ours, theirs = (dict(net.named_parameters()) for net in (source, target))
    shapes = [{name: tuple(parameter.shape) for name, parameter in each.items()} for each in (ours, theirs)]
    if shapes[0] != shapes[1]:
        raise ValueError(f"weights can only be copied between equal layers, got {shapes[0]} and {shapes[1]}")
    for name, parameter in theirs.items():
        parameter.copy_(ours[name])
