"""Local receptive fields without weight sharing: the network of Hinton 2022, section 3.2."""

import torch
from torch import nn

from convff.local_linear import LocalLinear, square_windows
from convff.models.mlp import FlatLengthNorm
from convff.network import Block, LayerLocalNet
from convff.norms import LengthNorm

ABOVE = 2  # side of a field in the layers above the first, in places


def local_fields(
    image_shape: tuple[int, int, int],
    *,
    widths: tuple[int, ...] = (128, 220, 512),
    field: int = 10,
    stride: int = 6,
    label_channels: int = 0,
) -> LayerLocalNet:
    """Build layers whose units see a square of the layer below, with weights of their own.

    For 28 x 28 pixels, as in the paper: a 4 x 4 grid of places with fields of 10 x 10 pixels at a distance of 6 and 128
    units each; a 3 x 3 grid, whose places see all units of 2 x 2 places, with 220 units each; a 2 x 2 grid likewise,
    with 512 units each. The activity of a layer is divided by its root mean square as a whole: our reconstruction, the
    paper does not say over which units.

    Args:
        image_shape: channels, height and width of the input; all channels of a pixel are in its fields.
        widths: units per place of each layer; each layer's grid has one place per side less than the one below.
        field: side of the first fields, in pixels.
        stride: distance of the first fields, in pixels.
        label_channels: number of the input's channels that are a label for every block, as one number each, which all
            units see; see `LayerLocalNet`.

    Raises:
        ValueError: the fields do not fill a square image, there are more layers than the first grid has places per
            side, or a number is less than 1.

    Example:
        >>> [tuple(block.layer.weight.shape) for block in local_fields((1, 28, 28))]
        [(2048, 100), (1980, 512), (2048, 880)]

    Reference:
        Hinton 2022, "The Forward-Forward Algorithm", section 3.2.
    """
    channels, height, width = image_shape[0] - label_channels, *image_shape[1:]
    if min(field, stride, len(widths), *widths) < 1:
        raise ValueError(f"local_fields needs numbers of at least 1, got {widths}, field {field} and stride {stride}")
    if height != width or height < field or (height - field) % stride:
        raise ValueError(
            f"the fields of local_fields, of {field} pixels at a distance of {stride}, fill square images of "
            f"{field} + {stride} k pixels a side (the paper's 28 = 10 + 6 * 3), got {height} x {width}"
        )
    grid = (height - field) // stride + 1
    if len(widths) > grid:
        raise ValueError(
            f"local_fields has a {grid} x {grid} grid of fields on {height} x {width} pixels, and each further layer "
            f"one place per side less: at most {grid} widths, got {len(widths)}"
        )
    windows = square_windows(height, field, stride, 1)
    # Images are [C, H, W] in memory, but maps of units are [H, W, C].
    sources = [(windows[:, :, None] + height * width * torch.arange(channels)).flatten(1)]
    sources += [square_windows(grid - layer, ABOVE, 1, units) for layer, units in enumerate(widths[:-1])]
    below = channels * height * width
    blocks: list[Block] = []
    for index, (window, units) in enumerate(zip(sources, widths, strict=True)):
        label = torch.arange(below, below + label_channels).expand(len(window), -1)
        layer = LocalLinear(torch.cat([window, label], dim=1), units, below + label_channels)
        norm: nn.Module = LengthNorm() if index else FlatLengthNorm()
        blocks.append(Block(norm, layer))
        below = layer.out_features
    return LayerLocalNet(blocks, label_channels=label_channels)
