"""The paper's network for CIFAR: six convolutions with batch norm before each."""

from torch import nn

from convff.network import Block, LayerLocalNet


def cnn6(
    image_shape: tuple[int, int, int],
    *,
    widths: tuple[int, ...] = (32, 32, 64, 64, 128, 128),
    kernel: int = 3,
    pool_after: tuple[int, ...] = (2, 4, 6),
    label_channels: int = 0,
) -> LayerLocalNet:
    """Convolutions with batch norm before each (Scodellaro et al. 2025, Methods: "deeper CNN of 6 convolutional layers").

    Widths, kernel and pooling are not in the public text: these are our reconstruction, after the Trifecta's network.

    Args:
        image_shape: channels, height and width of the input (with its label channels, if the labels add any).
        widths: filters of each convolution; their number is the depth.
        kernel: odd side of the filters in pixels.
        pool_after: blocks, counted from 1, whose activity is max-pooled by 2 for the next one.
        label_channels: how many of the input's channels are a label that every block shall see; see `LayerLocalNet`.

    Raises:
        ValueError: `kernel` is even, or the image is too small for the poolings.

    Example:
        >>> len(cnn6((3, 32, 32)))
        6
    """  # noqa: E501
    if kernel % 2 == 0:
        raise ValueError(f"kernel must be odd, so that the maps keep their size, not {kernel}")
    smallest = min(image_shape[1:]) >> len([block for block in pool_after if block < len(widths)])
    if smallest < 1:
        raise ValueError(f"{len(pool_after)} poolings are too many for images of {image_shape[1]} x {image_shape[2]}")
    channels = (image_shape[0], *(width + label_channels for width in widths))
    blocks = (
        Block(
            nn.BatchNorm2d(inputs, affine=False),
            nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2),
            nn.MaxPool2d(2) if position in pool_after and position < len(widths) else None,
        )
        for position, (inputs, outputs) in enumerate(zip(channels, widths, strict=False), start=1)
    )
    return LayerLocalNet(blocks, label_channels=label_channels)
