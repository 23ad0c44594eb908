"""Models for the CAM classes: images in, class scores out, with the label added inside.

The label enters inside the model, so that whatever disturbs the image (ROAD, flips, masks) leaves the label unchanged.
Networks, labels and readouts are protocols: any class with these methods will do.
"""

from collections.abc import Iterator
from typing import Protocol

import torch
from torch import Tensor, nn

from cam.functional import regions
from cam.modes import evaluating


class Net(Protocol):
    """A sequence of blocks."""

    def __iter__(self) -> Iterator[nn.Module]:
        """Return the blocks, input first; the output of a block is its activity."""
        ...

    def __call__(self, x: Tensor, *, detach: bool = True) -> list[Tensor]:
        """Return the activity of every block for `[N, ...]`, input first; no gradient between blocks if `detach`."""
        ...


class Labels(Protocol):
    """Puts labels into images."""

    num_classes: int

    def __call__(self, images: Tensor, classes: Tensor) -> Tensor:
        """Return labelled images `[B, P, C', H, W]` of images `[B, C, H, W]` and classes `[B, P]`."""
        ...

    def neutral(self, images: Tensor) -> Tensor:
        """Return images `[B, C', H, W]` that carry no label."""
        ...


class Readout(Protocol):
    """A linear classifier on the activity of all blocks from `first` on, averaged over `grid` x `grid` regions."""

    first: int
    grid: int | None
    linear: nn.Linear
    labels: Labels

    @property
    def net(self) -> Net:
        """The network that is read."""
        ...


class ReadoutModel(nn.Module):
    """Class scores of a linear readout, for images without a label.

    Blocks are detached from each other, as in training: each block that is read reaches the scores only through the
    readout.

    Args:
        readout: the readout, with the network that it reads.

    Attributes:
        layers: the modules that are read, in the order of the readout's columns: the target layers of `LinearCAM`.

    Example:
        >>> from convff import LinearReadout, cnn3
        >>> from labels import FourierLabels
        >>> net = cnn3((1, 8, 8), width=4, kernel=3)
        >>> model = ReadoutModel(LinearReadout(net, FourierLabels(3, (8, 8)), (1, 8, 8)))
        >>> model(torch.rand(5, 1, 8, 8)).shape, len(model.layers)
        (torch.Size([5, 3]), 2)
    """

    def __init__(self, readout: Readout) -> None:
        super().__init__()
        self.net = readout.net
        self.linear = readout.linear
        self.labels = readout.labels
        self.grid = readout.grid
        self.first = readout.first
        self.layers: list[nn.Module] = list(readout.net)[readout.first :]

    def forward(self, images: Tensor) -> Tensor:
        """Return scores `[B, K]` of images `[B, C, H, W]`; batch norm uses its running statistics."""
        with evaluating(self):
            neutral = self.labels.neutral(images).contiguous(memory_format=torch.channels_last)
            read = self.net(neutral)[self.first :]
            features = torch.cat([regions(a, self.grid).flatten(1) for a in read], dim=1)
            scores: Tensor = self.linear(features)
        return scores


class HeadModel(nn.Module):
    """Class scores of a linear head on the last block's activity, for a network trained by backpropagation.

    Gradients flow through all blocks. It is a readout of the last block, usually with a single region.

    Args:
        net: the network.
        head: linear layer from the last block's channels, or regions of them, to class scores.
        labels: gives the neutral input.
        grid: the head sees the map averaged to `grid x grid` regions.

    Attributes:
        layers: the last block, the only one that the head reads.
        blocks: all blocks, any of which may be a target layer of `GradCAM`.

    Example:
        >>> from convff import cnn3
        >>> from labels import FourierLabels
        >>> model = HeadModel(cnn3((1, 8, 8), width=4, kernel=3), nn.Linear(4, 3), FourierLabels(3, (8, 8)))
        >>> model(torch.rand(5, 1, 8, 8)).shape
        torch.Size([5, 3])
    """

    def __init__(self, net: Net, head: nn.Linear, labels: Labels, grid: int = 1) -> None:
        super().__init__()
        self.grid = grid
        self.net = net
        self.linear = head
        self.labels = labels
        self.blocks: list[nn.Module] = list(net)
        self.layers = self.blocks[-1:]

    def forward(self, images: Tensor) -> Tensor:
        """Return scores `[B, K]` of images `[B, C, H, W]`; batch norm uses its running statistics."""
        with evaluating(self):
            neutral = self.labels.neutral(images).contiguous(memory_format=torch.channels_last)
            last = self.net(neutral, detach=False)[-1]
            scores: Tensor = self.linear(regions(last, self.grid).flatten(1))
        return scores
