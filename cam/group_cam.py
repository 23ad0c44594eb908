"""GroupCAM: where the goodness of a class's own channels comes from, and what one class has over another."""

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor, nn

from cam.base import SignedCAM, place_of_stranger, positions
from cam.functional import Target, target_gradient


class JudgedByGroups(Protocol):
    """A model whose score k sums `contribution(activity)` over group k of each layer's channels: `GroupModel`."""

    layers: list[nn.Module]
    num_classes: int

    def contribution(self, a: Tensor) -> Tensor:
        """What each unit of an activity adds to the goodness of its own group, in the shape of `a`."""
        ...


class GroupCAM(SignedCAM):
    """The share that each position has in the goodness of a class's own group of channels.

    The goodness of a group is a sum of squares, so `M_kl[y, x] = sum_(c in group k) a_lcyx^2` (over the number of units
    of a group, for mean goodness) sums to it, and the maps of all blocks that count sum to the score of class k. For
    any other target t(scores) the maps of the classes are mixed, `sum_k dt/dscore_k M_kl`. The map of one class is
    never negative; that of `GoodnessDifference(a, b)` is positive where group a is more active than group b.

    Args:
        model: a `GroupModel`.
        target_layers: some or all of `model.layers`.
        reshape_transform: only there because grad-cam's classes have it.

    Raises:
        ValueError: a target layer whose groups do not count.

    Example:
        >>> from cam import GoodnessDifference, GroupModel
        >>> from convff import cnn3
        >>> from labels import NoLabels
        >>> model = GroupModel(cnn3((1, 8, 8), width=6, kernel=3), NoLabels(3))
        >>> maps = GroupCAM(model, model.layers).maps(torch.rand(2, 1, 8, 8), [GoodnessDifference(0, 1)] * 2)
        >>> torch.allclose(maps.shares().sum(dim=1), maps.scores, atol=1e-5)
        True

    Reference:
        Our own, by the argument of LinearCAM; groups of channels as in CwComp, Papachristodoulou et al. 2024.
    """

    def __init__(self, model: nn.Module, target_layers: Sequence[nn.Module], reshape_transform: None = None) -> None:
        super().__init__(model, target_layers, reshape_transform)
        self.judged: JudgedByGroups = model  # type: ignore[assignment]
        place = place_of_stranger(self.target_layers, self.judged.layers)
        if place is not None:
            raise ValueError(
                f"the groups of target layer {place} ({type(self.target_layers[place]).__name__}) do not count; "
                f"those of {len(self.judged.layers)} layers do, those of model.layers"
            )

    @torch.no_grad()
    def layer_maps(
        self, activations: Sequence[Tensor], outputs: Tensor, targets: Sequence[Target]
    ) -> tuple[list[Tensor], Tensor]:
        """See `SignedCAM`; one activity `[B, C, h, w]` has the groups of all classes."""
        mixing = target_gradient(outputs, targets)  # (B, K)
        maps = []
        for layer, a in zip(self.target_layers, activations, strict=True):
            positions(a, layer)  # refuses a layer that has none
            shares = self.judged.contribution(a).unflatten(1, (self.judged.num_classes, -1)).sum(dim=2)  # (B, K, h, w)
            maps.append(torch.einsum("bk,bkhw->bhw", mixing, shares))
        return maps, mixing.new_zeros(len(mixing))
