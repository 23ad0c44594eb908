"""FastHebb's network: four convolutions without borders."""

from torch import nn

from convff.network import Block, LayerLocalNet
from convff.norms import Centred

KERNELS = (5, 3, 3, 3)
HALVED_AFTER = (0, 2)  # blocks, counted from 0


def fasthebb(
    image_shape: tuple[int, int, int],
    *,
    widths: tuple[int, ...] = (96, 128, 192, 256),
    label_channels: int = 0,
) -> LayerLocalNet:
    """Build four convolutions without bias and without borders; the first and the third are max-pooled by 2.

    Kernels are 5, 3, 3 and 3, initial weights are He's. Batch norm without scale and shift precedes each convolution
    but the first, which sees pixels in [-1, 1]. The published head normalises the last map, flattens it and has a
    hidden layer of 4096 units: `Head(norm=True, grid=3, hidden=4096, dropout=0.5)`.

    Args:
        image_shape: channels, height and width of the input (with its label channels, if the labels add any).
        widths: filters of the four convolutions.
        label_channels: number of the input's channels that are a label for every block; see `LayerLocalNet`.

    Raises:
        ValueError: not four widths, or an image that is too small.

    Example:
        >>> import torch
        >>> [tuple(a.shape[1:]) for a in fasthebb((3, 32, 32), widths=(2, 3, 4, 5))(torch.rand(2, 3, 32, 32))]
        [(2, 28, 28), (3, 12, 12), (4, 10, 10), (5, 3, 3)]

    Reference:
        The network of Lagani et al. 2022 and 2024 (FastHebb), as in the public code of arXiv 2601.21367 (GHL).
    """
    if len(widths) != len(KERNELS):
        raise ValueError(f"fasthebb has {len(KERNELS)} convolutions, got {len(widths)} widths")
    side = min(image_shape[1:])
    for index, kernel in enumerate(KERNELS):
        side = (side - kernel + 1) // (2 if index in HALVED_AFTER else 1)
    if side < 1:
        raise ValueError(
            f"images of {image_shape[1]} x {image_shape[2]} are too small for convolutions without borders"
        )
    inputs = [image_shape[0], *(width + label_channels for width in widths[:-1])]
    blocks = []
    for index, (before, after, kernel) in enumerate(zip(inputs, widths, KERNELS, strict=True)):
        layer = nn.Conv2d(before, after, kernel, bias=False)
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        norm = nn.BatchNorm2d(before, affine=False) if index else Centred()
        blocks.append(Block(norm, layer, nn.MaxPool2d(2) if index in HALVED_AFTER else None))
    return LayerLocalNet(blocks, label_channels=label_channels)
