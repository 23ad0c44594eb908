"""Goodness of each class's own group of channels: the scores, and where they come from."""

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor, nn

from cam.models import Labels, Net
from cam.share_cam import ShareCAM, ShareModel


def mean_group_contribution(a: Tensor, groups: int) -> Tensor:
    """Return what each unit adds to the goodness of its own group, as a mean of squares over the group.

    Args:
        a: activity `[N, C, ...]`, with at least one sample.
        groups: number of groups K, equal parts of the channels in their order.

    Returns:
        `a^2 / m`, in the shape of `a`; m is the number of units per group. At least 0.

    Raises:
        IndexError: there is no sample.

    Example:
        >>> mean_group_contribution(torch.tensor([[3.0, 1.0, 1.0, 0.0]]), groups=2)
        tensor([[4.5000, 0.5000, 0.5000, 0.0000]])

    Reference:
        Papachristodoulou et al. 2024, "Convolutional Channel-wise Competitive Learning for the Forward-Forward
        Algorithm" (CwComp), section 3.
    """
    return a.square() / (a[0].numel() // groups)


class GroupModel(ShareModel):
    """Goodness of every class's own group of channels: the scores of inference by groups.

    No image carries a label, so one pass per image gives the scores of all classes. Group k of K holds channels `k C/K`
    to `(k + 1) C/K - 1` of the C channels of a block.

    Args:
        net: the network.
        labels: gives the number of classes, and makes the input without a label.
        first: index of the first block that counts.
        contribution: returns what each unit of an activity `[N, ...]` adds to the goodness of its own group, in the
            shape of the activity: by default the mean of squares over a group; `sum_contribution` for their sum.

    Attributes:
        layers: the blocks that count: the target layers of `GroupCAM`.
        num_classes: number of classes K.
        contribution: as given, or the mean.

    Raises:
        ValueError: `first` outside [0, number of blocks); when called, a block that counts has channels that K does not
            divide.

    Example:
        >>> from convff import cnn3
        >>> from labels import NoLabels
        >>> model = GroupModel(cnn3((1, 8, 8), width=6, kernel=3), NoLabels(3))
        >>> model(torch.rand(5, 1, 8, 8)).shape, len(model.layers)
        (torch.Size([5, 3]), 2)
    """

    def __init__(
        self,
        net: Net,
        labels: Labels,
        *,
        first: int = 1,
        contribution: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        super().__init__(net, labels, first=first)
        self.num_classes = labels.num_classes
        self.contribution = contribution or partial(mean_group_contribution, groups=self.num_classes)

    def scores(self, counted: Sequence[Tensor]) -> Tensor:
        """See `ShareModel`."""
        for number, a in enumerate(counted, start=self.first + 1):
            if a.shape[1] % self.num_classes:  # the number of channels is known only from an activity
                raise ValueError(
                    f"block {number} has {a.shape[1]} channels, which do not make {self.num_classes} equal groups, one "
                    "per class"
                )
        return torch.stack([self._by_group(a).flatten(2).sum(dim=2) for a in counted]).sum(dim=0)

    def shares(self, layer: nn.Module, a: Tensor, mixing: Tensor) -> Tensor:
        """See `ShareModel`."""
        return torch.einsum("bk,bk...->b...", mixing, self._by_group(a).sum(dim=2))

    def _by_group(self, a: Tensor) -> Tensor:
        """Return what each unit contributes, `[B, K, C/K, ...]`."""
        contributed: Tensor = self.contribution(a).unflatten(1, (self.num_classes, -1))
        return contributed


class GroupCAM(ShareCAM):
    """The share of each position in the goodness of a class's own group of channels.

    The goodness of a group is a sum of squares, so `M_kl[y, x] = sum_(c in group k) a_lcyx^2` (over the number of units
    of a group, for mean goodness) sums to it, and the maps of all blocks that count sum to the score of class k. The
    map of one class is never negative; `GoodnessDifference(a, b)` gives a positive map where group a is more active.

    Args:
        model: a `GroupModel`.
        target_layers: some or all of `model.layers`.
        reshape_transform: must be None; present only because grad-cam's classes have it.

    Raises:
        ValueError: see `ShareCAM`.

    Example:
        >>> from cam import GoodnessDifference
        >>> from convff import cnn3
        >>> from labels import NoLabels
        >>> model = GroupModel(cnn3((1, 8, 8), width=6, kernel=3), NoLabels(3))
        >>> maps = GroupCAM(model, model.layers).maps(torch.rand(2, 1, 8, 8), [GoodnessDifference(0, 1)] * 2)
        >>> torch.allclose(maps.shares().sum(dim=1), maps.scores, atol=1e-5)
        True

    Reference:
        Our own, by the argument of LinearCAM; groups of channels as in CwComp, Papachristodoulou et al. 2024.
    """
