"""The paper's network for CIFAR: six convolutions with batch norm before each."""

from torch import nn

from convff.models.skips import ConcatSkipNet, handed_up
from convff.models.whitening import PatchWhitening
from convff.network import Block, LayerLocalNet


def cnn6(
    image_shape: tuple[int, int, int],
    *,
    widths: tuple[int, ...] = (32, 32, 64, 64, 128, 128),
    kernel: int = 3,
    pool_after: tuple[int, ...] = (2, 4, 6),
    label_channels: int = 0,
    skip: bool = False,
    whiten: int = 0,
    bias: bool = True,
) -> LayerLocalNet:
    """Build convolutions with batch norm before each (Scodellaro et al. 2025: "deeper CNN of 6 convolutional layers").

    Widths, kernel and pooling are not published: these are our reconstruction, after the Trifecta's network.

    Args:
        image_shape: channels, height and width of the input (with its label channels, if the labels add any).
        widths: filters of each convolution; their number is the depth.
        kernel: odd side of the filters in pixels.
        pool_after: blocks, counted from 1, whose activity is max-pooled by 2 for the next one.
        label_channels: number of the input's channels that are a label for every block; see `LayerLocalNet`.
        skip: each block sees the concatenated activity of the last two blocks; see `ConcatSkipNet`.
        whiten: side of the image patches that the first block's norm whitens, instead of batch norm; 0 for none. The
            norm of a new network must be fitted to training images: see `PatchWhitening`.
        bias: whether convolutions have a bias.

    Raises:
        ValueError: `kernel` is even, the image is too small for the poolings, or whitening is combined with label
            channels.

    Example:
        >>> len(cnn6((3, 32, 32)))
        6
    """
    if kernel % 2 == 0:
        raise ValueError(f"kernel must be odd, so that the maps keep their size, got {kernel}")
    smallest = min(image_shape[1:]) >> len([block for block in pool_after if block < len(widths)])
    if smallest < 1:
        raise ValueError(f"{len(pool_after)} poolings are too many for images of {image_shape[1]} x {image_shape[2]}")
    if whiten and label_channels:
        raise ValueError(f"only images can be whitened, but {label_channels} channels of the input are a label")
    handed = handed_up(widths) if skip else widths
    inputs = [image_shape[0] * (whiten**2 or 1), *(channels + label_channels for channels in handed[:-1])]
    norms: list[nn.Module] = [nn.BatchNorm2d(channels, affine=False) for channels in inputs]
    if whiten:
        norms[0] = PatchWhitening(image_shape[0], whiten)
    blocks = (
        Block(
            norm,
            nn.Conv2d(channels, outputs, kernel, padding=kernel // 2, bias=bias),
            nn.MaxPool2d(2) if position in pool_after and position < len(widths) else None,
        )
        for position, (norm, channels, outputs) in enumerate(zip(norms, inputs, widths, strict=False), start=1)
    )
    make = ConcatSkipNet if skip else LayerLocalNet
    return make(blocks, label_channels=label_channels)
