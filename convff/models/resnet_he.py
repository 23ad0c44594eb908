"""The residual networks of He et al. for CIFAR: depth 6n + 2, batch norm behind each convolution, bare shortcuts."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from convff.network import Block, Entered, LayerLocalNet, Visit
from convff.norms import Centred


def option_a(skip: Tensor, size: tuple[int, ...]) -> Tensor:
    """Return a skip `[N, C, H, W]` in another size: every n-th position, and zeros for channels that it lacks.

    Args:
        skip: activity `[N, C, H, W]`.
        size: channels, height and width `(C', H', W')` wanted; C' at least C, H' and W' the n-th part of H and W.

    Example:
        >>> option_a(torch.arange(4.0).view(1, 1, 2, 2), (2, 1, 1)).flatten().tolist()
        [0.0, 0.0]
        >>> option_a(torch.ones(1, 1, 2, 2), (2, 1, 1)).flatten().tolist()
        [1.0, 0.0]
    """
    channels, height, width = size
    down, right = -(-skip.shape[2] // height), -(-skip.shape[3] // width)
    return F.pad(skip[:, :, ::down, ::right], (0, 0, 0, 0, 0, channels - skip.shape[1]))


class NormedReLU(nn.Module):
    """`relu(norm(z) + shortcut)`: batch norm with a scale and a shift behind a convolution, and perhaps a skip.

    Args:
        channels: channels of z.

    Example:
        >>> activation, z = NormedReLU(2).eval(), torch.tensor([-1.0, 3.0]).view(1, 2, 1, 1)
        >>> with activation.beside(torch.ones(1, 2, 1, 1)):
        ...     a = activation(z)
        >>> [round(value, 3) for value in a.flatten().tolist()]
        [0.0, 4.0]
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels)
        self._skip: Tensor | None = None

    @contextmanager
    def beside(self, skip: Tensor) -> Iterator[None]:
        """Add a skip `[N, C, H, W]` to all that is activated within a `with` block."""
        self._skip = skip
        try:
            yield
        finally:
            self._skip = None

    def forward(self, z: Tensor) -> Tensor:
        """Return the activity of `[N, C, H, W]`."""
        a: Tensor = self.norm(z)
        if self._skip is not None:
            a = a + option_a(self._skip, tuple(a.shape[1:]))
        return torch.relu(a)


class HeNet(LayerLocalNet):
    """A first block, then pairs: the second block of a pair adds the pair's input before its ReLU.

    Batch norms behind the convolutions have a scale and a shift, which no local rule trains: this is a network for
    rules with a gradient (`bp`, `ghl`).

    Reference:
        He et al. 2016, "Deep Residual Learning for Image Recognition", section 4.2, shortcuts of option A.
    """

    def route(self, x: Tensor | Entered, visit: Visit, stop: int | None = None) -> None:
        """Visit the blocks in order; see `LayerLocalNet.route`."""
        h, label = self.enter(x)
        skip = h
        for index, block in enumerate(list(self)[:stop]):
            raw = h if index == 0 else self.beside(h, label)
            if index and index % 2 == 0:  # the second of a pair
                assert isinstance(block.activation, NormedReLU)
                with block.activation.beside(skip):
                    h = visit(index, block, raw)
            else:
                h = visit(index, block, raw)
            skip = h if index % 2 == 0 else skip


def resnet_he(
    image_shape: tuple[int, int, int],
    *,
    depth: int = 20,
    widths: tuple[int, ...] = (16, 32, 64),
    label_channels: int = 0,
) -> LayerLocalNet:
    """Build a residual network of 6n + 2 layers, of which the head is the last: 3 stages of n pairs of convolutions.

    3 x 3 convolutions without bias, with initial weights by He; the first one of stages 2 and 3 has stride 2. Pixels in
    [0, 1] are brought to [-1, 1]: with pixels that are all positive, channels compete for brightness. Published
    depths are 20, 32, 44, 56, 110 and 1202.

    Args:
        image_shape: channels, height and width of the input (with its label channels, if the labels add any).
        depth: number of layers 6n + 2, at least 8.
        widths: filters of the stages, in ascending order.
        label_channels: number of the input's channels that are a label for every block; see `LayerLocalNet`.

    Raises:
        ValueError: another depth, or widths that are not three or descend.

    Example:
        >>> net = resnet_he((3, 32, 32), depth=8, widths=(2, 3, 4))
        >>> [tuple(a.shape[1:]) for a in net(torch.rand(2, 3, 32, 32))][::2]
        [(2, 32, 32), (2, 32, 32), (3, 16, 16), (4, 8, 8)]
        >>> sum(parameter.numel() for parameter in resnet_he((3, 32, 32)).parameters())
        269072
    """
    if depth < 8 or depth % 6 != 2:
        raise ValueError(f"depth must be 6n + 2 with n at least 1, got {depth}")
    if len(widths) != 3 or list(widths) != sorted(widths):
        raise ValueError(f"a residual network has three widths that do not descend, got {widths}")
    pairs = (depth - 2) // 6
    outputs = [widths[0], *(width for width in widths for _ in range(2 * pairs))]
    inputs = [image_shape[0], *(width + label_channels for width in outputs[:-1])]
    starts = {1 + stage * 2 * pairs for stage in (1, 2)}  # blocks that halve the maps
    blocks = []
    for index, (before, after) in enumerate(zip(inputs, outputs, strict=True)):
        layer = nn.Conv2d(before, after, 3, stride=2 if index in starts else 1, padding=1, bias=False)
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        blocks.append(Block(nn.Identity() if index else Centred(), layer, activation=NormedReLU(after)))
    return HeNet(blocks, label_channels=label_channels)
