"""Goodness of labels in the image: the scores, where they come from, and the difference between two labels."""

from collections.abc import Callable, Sequence

import torch
from einops import rearrange
from torch import Tensor, nn

from cam.functional import mean_contribution
from cam.models import Labels, Net
from cam.share_cam import ShareCAM, ShareModel


class GoodnessDifference:
    """Target: how much more goodness one label has than another.

    Args:
        label: positive positions speak for this label.
        other: the label to compare it with.

    Example:
        >>> GoodnessDifference(0, 2)(torch.tensor([3.0, 0.0, 1.0]))
        tensor(2.)
    """

    def __init__(self, label: int, other: int) -> None:
        self.label = label
        self.other = other

    def __call__(self, scores: Tensor) -> Tensor:
        """Return the difference of two of the scores `[K]`."""
        return scores[self.label] - scores[self.other]


class GoodnessModel(ShareModel):
    """Goodness of every label: the scores of inference by goodness.

    All labels of all images go through the network as one batch `[B*K, ...]`, so a block runs once.

    Args:
        net: the network.
        labels: the label generator that it was trained with.
        first: index of the first block that counts.
        contribution: returns what each unit of an activity `[N, ...]` adds to the goodness, in the same shape.
            `mean_contribution` for goodness as a mean of squares, `sum_contribution` for their sum.

    Attributes:
        layers: the blocks that count: the target layers of `GoodnessCAM`.
        contribution: as given.

    Raises:
        ValueError: `first` outside [0, number of blocks).

    Example:
        >>> from convff import cnn3
        >>> from labels import FourierLabels
        >>> model = GoodnessModel(cnn3((1, 8, 8), width=4, kernel=3), FourierLabels(3, (8, 8)))
        >>> model(torch.rand(5, 1, 8, 8)).shape, len(model.layers)
        (torch.Size([5, 3]), 2)
    """

    def __init__(
        self,
        net: Net,
        labels: Labels,
        *,
        first: int = 1,
        contribution: Callable[[Tensor], Tensor] = mean_contribution,
    ) -> None:
        super().__init__(net, labels, first=first)
        self.contribution = contribution

    def inputs(self, images: Tensor) -> Tensor:
        """Return every image with every label, the labels of an image one after the other: `[B*K, C', H, W]`."""
        classes = torch.arange(self.labels.num_classes, device=images.device).expand(len(images), -1)
        return rearrange(self.labels(images, classes), "b p c h w -> (b p) c h w")

    def scores(self, counted: Sequence[Tensor]) -> Tensor:
        """See `ShareModel`."""
        by_block = [self.contribution(a).flatten(1).sum(dim=1) for a in counted]
        return torch.stack(by_block).sum(dim=0).view(-1, self.labels.num_classes)

    def shares(self, layer: nn.Module, a: Tensor, mixing: Tensor) -> Tensor:
        """See `ShareModel`; the activity has a row for every image with every label, `[B*K, ...]`."""
        by_label = self.contribution(a).sum(dim=1).unflatten(0, mixing.shape)  # (B, K, h, w)
        return torch.einsum("bk,bk...->b...", mixing, by_label)


class GoodnessCAM(ShareCAM):
    """The share of each position in the goodness of a label.

    The goodness of a block is a sum of squares, so `M_l[y, x] = sum_c a_lcyx(label)^2` (over the number of units, for
    mean goodness) sums to it, and the maps of all blocks that count sum to the score of the label. The map of one label
    is never negative; the map of `GoodnessDifference(a, b)` is positive where label a fits better than label b.

    Args:
        model: a `GoodnessModel`.
        target_layers: some or all of `model.layers`.
        reshape_transform: must be None; present only because grad-cam's classes have it.

    Raises:
        ValueError: see `ShareCAM`.

    Example:
        >>> from convff import cnn3
        >>> from labels import FourierLabels
        >>> model = GoodnessModel(cnn3((1, 8, 8), width=4, kernel=3), FourierLabels(3, (8, 8)))
        >>> maps = GoodnessCAM(model, model.layers).maps(torch.rand(2, 1, 8, 8), [GoodnessDifference(0, 1)] * 2)
        >>> torch.allclose(maps.shares().sum(dim=1), maps.scores, atol=1e-5)
        True

    Reference:
        Our own, by the argument of LinearCAM; goodness as in Hinton 2022, section 2.
    """
