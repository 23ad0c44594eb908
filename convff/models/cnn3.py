"""The paper's network for MNIST: three equal convolutions, length normalisation, no pooling."""

from torch import nn

from convff.network import Block, LayerLocalNet
from convff.norms import LengthNorm


def cnn3(
    image_shape: tuple[int, int, int],
    *,
    width: int = 128,
    kernel: int = 7,
    stride: int = 1,
    depth: int = 3,
    label_channels: int = 0,
) -> LayerLocalNet:
    """Build three convolutions of equal width (Scodellaro et al. 2025, Methods and figure 2).

    Args:
        image_shape: channels, height and width of the input (with its label channels, if the labels add any).
        width: filters per layer; 128 in the paper.
        kernel: odd side of the filters in pixels; 7 in the paper.
        stride: stride of the first convolution; 1 in the paper. 2 makes a step four times cheaper.
        depth: number of convolutions; 3 in the paper.
        label_channels: number of the input's channels that are a label for every block; see `LayerLocalNet`.

    Raises:
        ValueError: `kernel` is even.

    Example:
        >>> len(cnn3((1, 28, 28)))
        3
    """
    if kernel % 2 == 0:
        raise ValueError(f"kernel must be odd, so that the maps keep their size, got {kernel}")
    inputs = [image_shape[0]] + [width + label_channels] * (depth - 1)
    strides = [stride] + [1] * (depth - 1)
    blocks = (
        Block(LengthNorm(), nn.Conv2d(channels, width, kernel, step, kernel // 2))
        for channels, step in zip(inputs, strides, strict=True)
    )
    return LayerLocalNet(blocks, label_channels=label_channels)
