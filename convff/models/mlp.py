"""Dense layers with length normalisation, as in Hinton's and the HebbFF paper."""

from math import prod

from torch import Tensor, nn

from convff.network import Block, LayerLocalNet, LengthNorm


class FlatLengthNorm(LengthNorm):
    """Length normalisation of images laid out as vectors: `[N, C, H, W]` -> `[N, C*H*W]`."""

    def forward(self, x: Tensor) -> Tensor:
        """Flatten and normalise."""
        return super().forward(x.flatten(1))


def mlp(image_shape: tuple[int, int, int], *, widths: tuple[int, ...] = (1000, 1000, 1000)) -> LayerLocalNet:
    """Dense layers (Hinton 2022: 4 x 2000; the public base code: 3 x 1000).

    Args:
        image_shape: channels, height and width of the input.
        widths: units of each layer.

    Example:
        >>> len(mlp((1, 28, 28)))
        3
    """
    units = (prod(image_shape), *widths)
    return LayerLocalNet(
        Block(FlatLengthNorm(), nn.Linear(inputs, outputs)) for inputs, outputs in zip(units, widths, strict=False)
    )
