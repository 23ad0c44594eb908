"""A linear head on each block: the sum of their scores, and where it comes from."""

from collections.abc import Iterable, Sequence
from typing import Protocol, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cam.functional import pooling_matrix
from cam.models import Labels, Net
from cam.share_cam import ShareCAM, ShareModel


class RegionalHead(Protocol):
    """A linear map from an activity, averaged over R x R regions, to class scores; dense layers have one region."""

    weight: Tensor
    """`[K, R, R, C]`."""
    bias: Tensor
    """`[K]`."""


class LocalHeadModel(ShareModel):
    """Class scores of a linear head on each block, summed over the blocks that count.

    A block with activity a adds `b + M p`, where p is a averaged over R x R regions of the map. `HeadModel` differs:
    it has a single head, on the last block, trained by backpropagation.

    Args:
        net: the network.
        labels: makes the input that carries no label.
        heads: for each block, a module with `weight` `[K, R, R, C]` and `bias` `[K]`.
        first: index of the first block that counts.

    Attributes:
        layers: the blocks that count: the target layers of `LocalHeadCAM`.
        heads: the heads of the blocks that count.

    Raises:
        ValueError: `first` outside [0, number of blocks), or not one head per block.

    Example:
        >>> from convff import LocalHead, cnn3
        >>> from labels import NoLabels
        >>> net, rule = cnn3((1, 8, 8), width=4, kernel=3), LocalHead(num_classes=3, regions=2)
        >>> model = LocalHeadModel(net, NoLabels(3), [rule.beside(block, torch.Generator()) for block in net])
        >>> model(torch.rand(5, 1, 8, 8)).shape, len(model.layers)
        (torch.Size([5, 3]), 2)

    Reference:
        Nokland & Eidnes 2019, "Training Neural Networks with Local Error Signals", for the heads.
    """

    def __init__(self, net: Net, labels: Labels, heads: Iterable[nn.Module], *, first: int = 1) -> None:
        super().__init__(net, labels, first=first)
        self.heads = nn.ModuleList(self.of_counted(list(heads), "heads"))

    def scores(self, counted: Sequence[Tensor]) -> Tensor:
        """See `ShareModel`."""
        by_block = []
        for layer, a in zip(self.layers, counted, strict=True):
            head = self._head(layer)
            means = a if a.ndim == 2 else F.adaptive_avg_pool2d(a, head.weight.shape[1]).permute(0, 2, 3, 1)
            by_block.append(F.linear(means.flatten(1), head.weight.flatten(1), head.bias))
        return torch.stack(by_block).sum(dim=0)

    def shares(self, layer: nn.Module, a: Tensor, mixing: Tensor) -> Tensor:
        """See `ShareModel`; a region's weight is divided among its positions, like the average."""
        weight = torch.einsum("bk,krqc->bcrq", mixing, self._head(layer).weight)
        if a.ndim == 2:
            return (weight.flatten(1) * a).sum(dim=1)
        down, across = (pooling_matrix(size, weight.shape[-1], weight) for size in a.shape[2:])  # (R, h), (R, w)
        return (down.T @ weight @ across * a).sum(dim=1)

    def rest(self, mixing: Tensor) -> Tensor:
        """Return the biases of all heads, which belong to no position, `[B]`."""
        return mixing @ torch.stack([self._head(layer).bias for layer in self.layers]).sum(dim=0)

    def _head(self, layer: nn.Module) -> RegionalHead:
        return cast(RegionalHead, self.heads[self.place(layer)])


class LocalHeadCAM(ShareCAM):
    """The share of each position in the class score that linear heads on all blocks give together.

    A head is linear in the activity, so with `u_k` its weights of class k, each divided among the positions of its
    region, `M_kl[y, x] = sum_c u_klcyx a_lcyx`; the maps of all blocks that count, and the biases, sum to the score.

    Args:
        model: a `LocalHeadModel`.
        target_layers: some or all of `model.layers`.
        reshape_transform: must be None; present only because grad-cam's classes have it.

    Raises:
        ValueError: see `ShareCAM`.

    Example:
        >>> from convff import LocalHead, cnn3
        >>> from labels import NoLabels
        >>> net, rule = cnn3((1, 8, 8), width=4, kernel=3), LocalHead(num_classes=3, regions=2)
        >>> model = LocalHeadModel(net, NoLabels(3), [rule.beside(block, torch.Generator()) for block in net])
        >>> _ = [torch.nn.init.normal_(parameter) for parameter in model.heads.parameters()]
        >>> maps = LocalHeadCAM(model, model.layers).maps(torch.rand(2, 1, 8, 8))
        >>> torch.allclose(maps.shares().sum(dim=1) + maps.bias, maps.scores, atol=1e-5)
        True

    Reference:
        LinearCAM (Zhou et al. 2016), with a head on each block.
    """
