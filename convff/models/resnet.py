"""A residual network: convolutions in pairs, each pair with a skip around it that has no parameters."""

import torch.nn.functional as F
from torch import Tensor, nn

from convff.network import Block, Entered, LayerLocalNet, Visit


def shortcut(skip: Tensor, size: tuple[int, ...]) -> Tensor:
    """Return a skip `[N, C, H, W]` in another size, without parameters (He et al. 2016, option A).

    Positions are averaged to the smaller size, and missing channels are zeros.

    Args:
        skip: activity `[N, C, H, W]`.
        size: channels, height and width `(C', H', W')` wanted; C' at least C.

    Example:
        >>> import torch
        >>> shortcut(torch.ones(1, 1, 4, 4), (2, 2, 2)).flatten().tolist()
        [1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0]
    """
    channels, height, width = size
    skip = F.adaptive_avg_pool2d(skip, (height, width))
    return F.pad(skip, (0, 0, 0, 0, 0, channels - skip.shape[1]))


class ResidualNet(LayerLocalNet):
    """A first block, then pairs of blocks: a pair passes on its activity plus its input.

    The skips carry activity upwards and nothing downwards, so every block still learns on its own.

    Reference:
        He et al. 2016, "Deep Residual Learning for Image Recognition", figure 2 and option A of section 4.1.
    """

    def route(self, x: Tensor | Entered, visit: Visit, stop: int | None = None) -> None:
        """Visit the blocks in order; see `LayerLocalNet.route`."""
        h, label = self.enter(x)
        skip: Tensor | None = None
        for index, block in enumerate(list(self)[:stop]):
            h = block.pool(visit(index, block, h))
            if index % 2 == 0:  # the first block, or the second of a pair
                h = h if skip is None else h + shortcut(skip, tuple(h.shape[1:]))
                skip = h
            h = self.beside(h, label)


def resnet(
    image_shape: tuple[int, int, int],
    *,
    widths: tuple[int, ...] = (32, 64, 128),
    pairs: int = 1,
    kernel: int = 3,
    label_channels: int = 0,
) -> LayerLocalNet:
    """Build a residual network: a first convolution, then for each width `pairs` pairs of convolutions.

    Every width but the first starts with a max-pooling by 2. Batch norm without parameters precedes each convolution.

    Args:
        image_shape: channels, height and width of the input (with its label channels, if the labels add any).
        widths: filters of each stage, in ascending order; the first convolution has the filters of the first stage.
        pairs: pairs of convolutions per stage.
        kernel: odd side of the filters in pixels.
        label_channels: number of the input's channels that are a label for every block; see `LayerLocalNet`.

    Raises:
        ValueError: `kernel` is even, widths descend, or the image is too small for the poolings.

    Example:
        >>> import torch
        >>> net = resnet((3, 32, 32), widths=(4, 8))
        >>> [tuple(a.shape[1:]) for a in net(torch.rand(2, 3, 32, 32))]
        [(4, 32, 32), (4, 32, 32), (4, 32, 32), (8, 16, 16), (8, 16, 16)]
    """
    if kernel % 2 == 0:
        raise ValueError(f"kernel must be odd, got {kernel}")
    if list(widths) != sorted(widths):
        raise ValueError(f"widths must not descend, got {widths}")
    if min(image_shape[1:]) >> (len(widths) - 1) < 1:
        raise ValueError(f"{len(widths) - 1} poolings are too many for images of {image_shape[1]} x {image_shape[2]}")
    outputs = [widths[0], *(width for width in widths for _ in range(2 * pairs))]
    inputs = [image_shape[0], *(width + label_channels for width in outputs[:-1])]
    # The last block of a stage pools, so that the skip beside it is averaged to the same size.
    pools = {stage * 2 * pairs for stage in range(1, len(widths))}
    blocks = (
        Block(
            nn.BatchNorm2d(before, affine=False),
            nn.Conv2d(before, after, kernel, padding=kernel // 2),
            nn.MaxPool2d(2) if index in pools else None,
        )
        for index, (before, after) in enumerate(zip(inputs, outputs, strict=True))
    )
    return ResidualNet(blocks, label_channels=label_channels)
