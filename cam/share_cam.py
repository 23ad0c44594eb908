"""Scores that are sums over positions: the models that define them, and the maps that follow."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import TypeVar, cast

import torch
from torch import Tensor, nn

from cam.base import SignedCAM, positions, refuse_strangers
from cam.functional import Target, target_gradient
from cam.models import Labels, Net
from cam.modes import evaluating

T = TypeVar("T")


class ShareModel(nn.Module):
    """A network whose scores are sums over the blocks that count, and over the positions of each.

    A subclass defines the scores (`scores`), and the share of each position in a weighted sum of them (`shares`).

    Args:
        net: the network.
        labels: labels images, or makes the input without a label.
        first: index of the first block that counts.

    Attributes:
        layers: the blocks that count: the target layers of `ShareCAM`.

    Raises:
        ValueError: `first` outside [0, number of blocks).

    Example:
        >>> from convff import cnn3
        >>> from labels import NoLabels
        >>> class FirstChannels(ShareModel):
        ...     def scores(self, counted):
        ...         return sum(a[:, :3].sum(dim=(2, 3)) for a in counted)
        ...     def shares(self, layer, a, mixing):
        ...         return torch.einsum("bk,bkhw->bhw", mixing, a[:, :3])
        >>> model = FirstChannels(cnn3((1, 8, 8), width=4, kernel=3), NoLabels(3), first=1)
        >>> maps = ShareCAM(model, model.layers).maps(torch.rand(2, 1, 8, 8))
        >>> torch.allclose(maps.shares().sum(dim=1), maps.scores, rtol=1e-4)
        True
    """

    net: Net

    def __init__(self, net: Net, labels: Labels, *, first: int) -> None:
        super().__init__()
        blocks = list(net)
        if not 0 <= first < len(blocks):
            raise ValueError(f"`first` must be in [0, {len(blocks)}), got {first}")
        self.net = net
        self.labels = labels
        self.first = first
        self.layers: list[nn.Module] = blocks[first:]

    def forward(self, images: Tensor) -> Tensor:
        """Return scores `[B, K]` of images `[B, C, H, W]`; batch norm uses its running statistics."""
        with evaluating(self):
            inputs = self.inputs(images).contiguous(memory_format=torch.channels_last)
            return self.scores(self.net(inputs)[self.first :])

    def inputs(self, images: Tensor) -> Tensor:
        """Return the input of the network for images `[B, C, H, W]`; here one row per image, without a label."""
        return self.labels.neutral(images)

    @abstractmethod
    def scores(self, counted: Sequence[Tensor]) -> Tensor:
        """Compute the scores `[B, K]` from the activity of every block that counts."""

    @abstractmethod
    def shares(self, layer: nn.Module, a: Tensor, mixing: Tensor) -> Tensor:
        """Compute the share of each position in `sum_k mixing_k score_k`.

        Args:
            layer: one of `layers`.
            a: its activity, as returned by the network: `[N, C, h, w]`, or `[N, D]` of a dense layer.
            mixing: weight of each score for each image `[B, K]`.

        Returns:
            `[B, h, w]`, or `[B]` of a dense layer, which has no positions.
        """

    def rest(self, mixing: Tensor) -> Tensor:
        """Return the part `[B]` of `sum_k mixing_k score_k` that belongs to no position; here 0."""
        return mixing.new_zeros(len(mixing))

    def place(self, layer: nn.Module) -> int:
        """Return the index of a layer in `layers`."""
        return next(place for place, one in enumerate(self.layers) if one is layer)

    def of_counted(self, values: Sequence[T], name: str) -> list[T]:
        """Return the values of the blocks that count, out of one value per block.

        Raises:
            ValueError: not one value per block.
        """
        blocks = self.first + len(self.layers)
        if len(values) != blocks:
            raise ValueError(f"need one value for each of {blocks} blocks, got {len(values)} {name}")
        return list(values[self.first :])


class ShareCAM(SignedCAM):
    """The share of each position in a score, as the model itself computes it.

    The maps of all layers that count, and the rest that belongs to no position, sum to the score. For any other target
    t(scores) the maps of the classes are mixed, `sum_k dt/dscore_k M_kl`. The map of `GoodnessDifference(a, b)`
    sums to the lead of a over b, and is positive where a position speaks for a rather than for b.

    Args:
        model: a `ShareModel`, or any module with its `layers`, `shares` and `rest`.
        target_layers: some or all of `model.layers`.
        reshape_transform: must be None; present only because grad-cam's classes have it.

    Raises:
        ValueError: a target layer that does not count; when called, one without positions.

    Example:
        >>> from cam import GroupModel
        >>> from convff import cnn3
        >>> from labels import NoLabels
        >>> model = GroupModel(cnn3((1, 8, 8), width=6, kernel=3), NoLabels(3))
        >>> maps = ShareCAM(model, model.layers).maps(torch.rand(2, 1, 8, 8))
        >>> torch.allclose(maps.shares().sum(dim=1) + maps.bias, maps.scores, atol=1e-5)
        True

    Reference:
        Our own, by the argument of LinearCAM: the terms of a sum show where the score comes from.
    """

    def __init__(self, model: nn.Module, target_layers: Sequence[nn.Module], reshape_transform: None = None) -> None:
        super().__init__(model, target_layers, reshape_transform)
        self.judged = cast(ShareModel, model)
        refuse_strangers(self.target_layers, self.judged.layers)

    @torch.no_grad()
    def layer_maps(
        self, activations: Sequence[Tensor], outputs: Tensor, targets: Sequence[Target]
    ) -> tuple[list[Tensor], Tensor]:
        """See `SignedCAM`."""
        mixing = target_gradient(outputs, targets)  # (B, K)
        maps = []
        for layer, a in zip(self.target_layers, activations, strict=True):
            positions(a, layer)  # raises if the layer has none
            maps.append(self.judged.shares(layer, a, mixing))
        return maps, self.judged.rest(mixing)
