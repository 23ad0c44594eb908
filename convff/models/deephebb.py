"""DeepHebb: three wide convolutions, as trained by SoftHebb and by Global-guided Hebbian learning."""

from typing import Literal

from torch import nn

from convff.activations import Triangle
from convff.network import Block, LayerLocalNet
from convff.norms import PaddedNorm

KERNELS = (5, 3, 3)
POWERS = (0.7, 1.4, 1.0)  # of the triangle activation of each block


def deephebb(
    image_shape: tuple[int, int, int],
    *,
    widths: tuple[int, ...] = (96, 384, 1536),
    activation: Literal["relu", "triangle"] = "relu",
    powers: tuple[float, ...] = POWERS,
    padding: Literal["zeros", "reflect"] = "zeros",
    init_radius: float | None = None,
    label_channels: int = 0,
) -> LayerLocalNet:
    """Build one to three convolutions without bias, each after a batch norm without scale and shift.

    Global-guided Hebbian learning takes ReLU, zeros around the maps and He's initial weights; SoftHebb takes the
    triangle activation, reflected borders and `init_radius=25`. Kernels are 5, 3 and 3. Maps are halved after every
    block: by the largest of 4 x 4 positions with stride 2, and after the last block by the mean of 2 x 2. With fewer
    than three blocks the first one takes the mean of the 4 x 4 positions.

    Args:
        image_shape: channels, height and width of the input (with its label channels, if the labels add any).
        widths: filters of each convolution; 24, 96, 384 is a quarter of the published width, and 16 times as fast.
        activation: "relu", or "triangle" (`convff.activations.triangle`).
        powers: exponent of each block's triangle activation.
        padding: "zeros" or "reflect" around the maps, half a kernel wide.
        init_radius: length of a filter of normal initial weights; None for He's, with the gain of ReLU.
        label_channels: number of the input's channels that are a label for every block; see `LayerLocalNet`.

    Raises:
        ValueError: no or too many widths, powers of another number, an unknown activation or padding, a radius that is
            not positive, or an image that is too small.

    Example:
        >>> import torch
        >>> net = deephebb((3, 32, 32), widths=(4, 8, 16))
        >>> [tuple(a.shape[1:]) for a in net(torch.rand(2, 3, 32, 32))]
        [(4, 32, 32), (8, 16, 16), (16, 8, 8)]

    Reference:
        The public codes of Journe et al. 2023 (SoftHebb) and of arXiv 2601.21367 (GHL).
    """
    _check(image_shape, widths, activation, powers, padding, init_radius)
    reflect = padding == "reflect"
    inputs = [image_shape[0], *(width + label_channels for width in widths[:-1])]
    blocks = []
    for index, (before, after, kernel) in enumerate(zip(inputs, widths, KERNELS, strict=False)):
        norm = nn.BatchNorm2d(before, affine=False)
        layer = nn.Conv2d(before, after, kernel, padding=0 if reflect else kernel // 2, bias=False)
        if init_radius is None:
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        else:
            nn.init.normal_(layer.weight, std=init_radius / layer.weight[0].numel() ** 0.5)
        blocks.append(
            Block(
                PaddedNorm(norm, kernel // 2) if reflect else norm,
                layer,
                _pool(index, len(widths)),
                Triangle(powers[index]) if activation == "triangle" else None,
            )
        )
    return LayerLocalNet(blocks, label_channels=label_channels)


def _pool(index: int, blocks: int) -> nn.Module:
    """Return how a block's maps are halved."""
    if index == blocks - 1 and blocks > 1:
        return nn.AvgPool2d(2)
    return nn.MaxPool2d(4, 2, 1) if blocks == len(KERNELS) else nn.AvgPool2d(4, 2, 1)


def _check(
    image_shape: tuple[int, int, int],
    widths: tuple[int, ...],
    activation: str,
    powers: tuple[float, ...],
    padding: str,
    init_radius: float | None,
) -> None:
    if not 1 <= len(widths) <= len(KERNELS):
        raise ValueError(f"deephebb has 1 to {len(KERNELS)} convolutions, got {len(widths)} widths")
    if activation not in ("relu", "triangle") or padding not in ("zeros", "reflect"):
        raise ValueError(
            f"activation must be relu or triangle, padding zeros or reflect, got {activation!r} and {padding!r}"
        )
    if activation == "triangle" and len(powers) < len(widths):
        raise ValueError(f"a power is needed for each of {len(widths)} blocks, got {len(powers)}")
    if init_radius is not None and not init_radius > 0:
        raise ValueError(f"init_radius must be positive, got {init_radius}")
    # A reflected border must be narrower than the map; the last maps have to be halved once more.
    if min(image_shape[1:]) >> len(widths) < 1 or min(image_shape[1:]) < KERNELS[0] // 2 + 1:
        raise ValueError(
            f"images of {image_shape[1]} x {image_shape[2]} are too small for {len(widths)} blocks that halve the maps"
        )
