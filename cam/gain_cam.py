"""Goodness in which each channel has a gain per class: the scores, and where they come from."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from cam.models import Labels, Net
from cam.share_cam import ShareCAM, ShareModel


class GainModel(ShareModel):
    """Goodness of every class from one pass, each channel weighted by a gain per class: `sum_c G_kc q_c`.

    Args:
        net: the network.
        labels: makes the input that carries no label.
        gains: for each block, the gains of its channels (or units) per class, `[K, C]`.
        contribution: returns what each unit of an activity `[N, ...]` adds to the `q` of its channel, same shape.
        first: index of the first block that counts.

    Attributes:
        layers: the blocks that count: the target layers of `GainCAM`.

    Raises:
        ValueError: `first` outside [0, number of blocks), or not one tensor of gains per block.

    Example:
        >>> from convff import cnn3
        >>> from labels import NoLabels
        >>> gains = [torch.tensor([[1.0, 0.0, 1.0, 0.0], [0.0, 1.0, 0.0, 1.0]])] * 3
        >>> model = GainModel(cnn3((1, 8, 8), width=4, kernel=3), NoLabels(2), gains, contribution=torch.square)
        >>> model(torch.rand(5, 1, 8, 8)).shape, len(model.layers)
        (torch.Size([5, 2]), 2)
    """

    def __init__(
        self,
        net: Net,
        labels: Labels,
        gains: Sequence[Tensor],
        *,
        contribution: Callable[[Tensor], Tensor],
        first: int = 1,
    ) -> None:
        super().__init__(net, labels, first=first)
        self.gains = [of_block.detach() for of_block in self.of_counted(gains, "gains")]
        self.contribution = contribution

    def scores(self, counted: Sequence[Tensor]) -> Tensor:
        """See `ShareModel`."""
        by_block = [
            torch.einsum("bc...,kc->bk", self.contribution(a), gains.to(a))
            for a, gains in zip(counted, self.gains, strict=True)
        ]
        return torch.stack(by_block).sum(dim=0)

    def shares(self, layer: nn.Module, a: Tensor, mixing: Tensor) -> Tensor:
        """See `ShareModel`."""
        by_channel = mixing @ self.gains[self.place(layer)].to(mixing)
        return torch.einsum("bc,bc...->b...", by_channel.to(a.dtype), self.contribution(a))


class GainCAM(ShareCAM):
    """The share of each position in the goodness of a class, with each channel weighted by its gain.

    Gains are signed, and so are the maps: a channel with a negative gain speaks against the class.

    Args:
        model: a `GainModel`.
        target_layers: some or all of `model.layers`.
        reshape_transform: must be None; present only because grad-cam's classes have it.

    Raises:
        ValueError: see `ShareCAM`.

    Example:
        >>> from convff import cnn3
        >>> from labels import NoLabels
        >>> gains = [torch.tensor([[1.0, 0.0, 1.0, 0.0], [0.0, 1.0, 0.0, 1.0]])] * 3
        >>> model = GainModel(cnn3((1, 8, 8), width=4, kernel=3), NoLabels(2), gains, contribution=torch.square)
        >>> maps = GainCAM(model, model.layers).maps(torch.rand(2, 1, 8, 8))
        >>> torch.allclose(maps.shares().sum(dim=1), maps.scores, rtol=1e-4)
        True

    Reference:
        Our own, by the argument of LinearCAM.
    """
