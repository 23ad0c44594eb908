"""Dense layers with length normalisation, as in Hinton's and the HebbFF paper."""

from math import prod

from torch import Tensor, nn

from convff.network import Block, LayerLocalNet, LengthNorm


class FlatLengthNorm(LengthNorm):
    """Length normalisation of images laid out as vectors: `[N, C, H, W]` -> `[N, C*H*W]`."""

    def forward(self, x: Tensor) -> Tensor:
        """Flatten and normalise."""
        return super().forward(x.flatten(1))


def mlp(
    image_shape: tuple[int, int, int], *, widths: tuple[int, ...] = (1000, 1000, 1000), label_channels: int = 0
) -> LayerLocalNet:
    """Dense layers (Hinton 2022: 4 x 2000; the public base code: 3 x 1000).

    Args:
        image_shape: channels, height and width of the input (with its label channels, if the labels add any).
        widths: units of each layer.
        label_channels: how many of the input's channels are a label that every block shall see, as one number each; see
            `LayerLocalNet`.

    Example:
        >>> len(mlp((1, 28, 28)))
        3
        >>> [block.layer.in_features for block in mlp((11, 28, 28), widths=(50, 50), label_channels=10)]
        [794, 60]
    """
    channels, *size = image_shape
    units = (prod((channels - label_channels, *size)), *widths)
    blocks = (
        Block(FlatLengthNorm(), nn.Linear(inputs + label_channels, outputs))
        for inputs, outputs in zip(units, widths, strict=False)
    )
    return LayerLocalNet(blocks, label_channels=label_channels)
