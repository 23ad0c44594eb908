"""GoodnessCAM: where the goodness of a label comes from, and what one label has over another."""

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor, nn

from cam.base import SignedCAM, place_of_stranger, positions
from cam.functional import Target, target_gradient


class JudgedByGoodness(Protocol):
    """A model whose scores sum `contribution(activity)` of its layers, all labels in one batch: `GoodnessModel`."""

    layers: list[nn.Module]

    def contribution(self, a: Tensor) -> Tensor:
        """What each unit of an activity adds to the goodness, in the shape of `a`."""
        ...


class GoodnessDifference:
    """Target: how much more goodness one label has than another.

    Args:
        label: the label whose side is taken; positive positions speak for it.
        other: the label that it is compared with.

    Example:
        >>> GoodnessDifference(0, 2)(torch.tensor([3.0, 0.0, 1.0]))
        tensor(2.)
    """

    def __init__(self, label: int, other: int) -> None:
        self.label = label
        self.other = other

    def __call__(self, scores: Tensor) -> Tensor:
        """The difference of two of the scores `[K]`."""
        return scores[self.label] - scores[self.other]


class GoodnessCAM(SignedCAM):
    """The share that each position has in the goodness of a label.

    The goodness of a block is a sum of squares, so `M_l[y, x] = sum_c a_lcyx(label)^2` (over the number of units, for
    mean goodness) sums to it, and the maps of all blocks that count sum to the score of the label. The map of one label
    is never negative; that of `GoodnessDifference(a, b)` is positive where label a fits better than label b.

    Args:
        model: a `GoodnessModel`.
        target_layers: some or all of `model.layers`.
        reshape_transform: only there because grad-cam's classes have it.

    Raises:
        ValueError: a target layer whose goodness does not count.

    Example:
        >>> from cam import GoodnessModel
        >>> from convff import cnn3
        >>> from labels import FourierLabels
        >>> model = GoodnessModel(cnn3((1, 8, 8), width=4, kernel=3), FourierLabels(3, (8, 8)))
        >>> maps = GoodnessCAM(model, model.layers).maps(torch.rand(2, 1, 8, 8), [GoodnessDifference(0, 1)] * 2)
        >>> torch.allclose(maps.shares().sum(dim=1), maps.scores, atol=1e-5)
        True

    Reference:
        Our own, by the argument of LinearCAM; goodness as in Hinton 2022, section 2.
    """

    def __init__(self, model: nn.Module, target_layers: Sequence[nn.Module], reshape_transform: None = None) -> None:
        super().__init__(model, target_layers, reshape_transform)
        self.judged: JudgedByGoodness = model  # type: ignore[assignment]
        place = place_of_stranger(self.target_layers, self.judged.layers)
        if place is not None:
            raise ValueError(
                f"the goodness of target layer {place} ({type(self.target_layers[place]).__name__}) does not count; "
                f"that of {len(self.judged.layers)} layers does, those of model.layers"
            )

    @torch.no_grad()
    def layer_maps(
        self, activations: Sequence[Tensor], outputs: Tensor, targets: Sequence[Target]
    ) -> tuple[list[Tensor], Tensor]:
        """See `SignedCAM`; the activations have all labels of an image in a row, `[B*K, C, h, w]`."""
        mixing = target_gradient(outputs, targets)  # (B, K)
        maps = []
        for layer, a in zip(self.target_layers, activations, strict=True):
            shares = self.judged.contribution(a).sum(dim=1).view(*mixing.shape, *positions(a, layer))  # (B, K, h, w)
            maps.append(torch.einsum("bk,bkhw->bhw", mixing, shares))
        return maps, mixing.new_zeros(len(mixing))
