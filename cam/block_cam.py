"""Networks whose blocks try all labels on their own input: the scores, and where they come from."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from cam.functional import mean_contribution
from cam.models import Labels, Net
from cam.share_cam import ShareCAM, ShareModel


class BlockModel(ShareModel):
    """Goodness of every label in every block, from one pass of images without a label.

    Label k adds a term `v_k` to a unit before its ReLU, and no label changes which units are active. So the goodness
    of a block with activity a and n units is `1/n sum (a^2 + 2 a v_k + 1[a > 0] v_k^2)`.

    Args:
        net: the network.
        labels: makes the input that carries no label.
        terms: for each block, `[K, C, R, R]`: one per label, channel and region of the map; they sum to 0 over labels.
        first: index of the first block that counts.
        contribution: returns what each unit of an activity adds to the goodness: `mean_contribution` as above, or
            `sum_contribution` without the 1/n.

    Attributes:
        layers: the blocks that count: the target layers of `BlockCAM`.
        terms: the terms of the blocks that count.
        contribution: as given.

    Raises:
        ValueError: `first` outside [0, number of blocks), or not one tensor of terms per block; when called, regions
            that do not divide a map.

    Example:
        >>> from convff import cnn3
        >>> from labels import NoLabels
        >>> terms = [torch.tensor([1.0, 0.0, -1.0]).view(3, 1, 1, 1).expand(3, 4, 1, 1)] * 3
        >>> model = BlockModel(cnn3((1, 8, 8), width=4, kernel=3), NoLabels(3), terms)
        >>> model(torch.rand(5, 1, 8, 8)).shape, len(model.layers)
        (torch.Size([5, 3]), 2)
    """

    def __init__(
        self,
        net: Net,
        labels: Labels,
        terms: Sequence[Tensor],
        *,
        first: int = 1,
        contribution: Callable[[Tensor], Tensor] = mean_contribution,
    ) -> None:
        super().__init__(net, labels, first=first)
        self.terms = [of_block.detach() for of_block in self.of_counted(terms, "terms")]
        self.contribution = contribution

    def scores(self, counted: Sequence[Tensor]) -> Tensor:
        """See `ShareModel`."""
        one_label = torch.eye(len(self.terms[0]), dtype=counted[0].dtype, device=counted[0].device)
        by_block = []
        for layer, a in zip(self.layers, counted, strict=True):
            by_label = [self.shares(layer, a, row.expand(len(a), -1)).view(len(a), -1).sum(dim=1) for row in one_label]
            by_block.append(torch.stack(by_label, dim=1))
        return torch.stack(by_block).sum(dim=0)

    def shares(self, layer: nn.Module, a: Tensor, mixing: Tensor) -> Tensor:
        """See `ShareModel`.

        Raises:
            ValueError: regions that do not divide the map.
        """
        v, mixing = self.terms[self.place(layer)].to(a), mixing.to(a)
        once = torch.einsum("bk,kcrq->bcrq", mixing, v)
        squared = torch.einsum("bk,kcrq->bcrq", mixing, v.square())
        total = mixing.sum(dim=1).view(-1, *[1] * (a.ndim - 1))
        mixed = total * a.square() + 2 * a * _over(once, a) + (a > 0) * _over(squared, a)
        return (mixed * self.contribution(torch.ones_like(a[:1]))).sum(dim=1)


def _over(by_region: Tensor, a: Tensor) -> Tensor:
    """Expand values per region `[B, C, R, R]` to every position of an activity."""
    if a.ndim == 2:
        return by_region.flatten(1)
    (rows, columns), (height, width) = by_region.shape[-2:], a.shape[2:]
    if height % rows or width % columns:
        raise ValueError(f"{rows} x {columns} regions must divide the map evenly, got a map of {height} x {width}")
    return by_region.repeat_interleave(height // rows, 2).repeat_interleave(width // columns, 3)


class BlockCAM(ShareCAM):
    """The share of each position in the goodness of a label that every block tries on its own input.

    The goodness is a sum over units, so the maps of all blocks that count sum to the score of the label. The map of
    `GoodnessDifference(a, b)` is positive where label a fits better than label b.

    Args:
        model: a `BlockModel`.
        target_layers: some or all of `model.layers`.
        reshape_transform: must be None; present only because grad-cam's classes have it.

    Raises:
        ValueError: see `ShareCAM`.

    Example:
        >>> from cam import GoodnessDifference
        >>> from convff import cnn3
        >>> from labels import NoLabels
        >>> terms = [torch.tensor([1.0, 0.0, -1.0]).view(3, 1, 1, 1).expand(3, 4, 1, 1)] * 3
        >>> model = BlockModel(cnn3((1, 8, 8), width=4, kernel=3), NoLabels(3), terms)
        >>> maps = BlockCAM(model, model.layers).maps(torch.rand(2, 1, 8, 8), [GoodnessDifference(0, 1)] * 2)
        >>> torch.allclose(maps.shares().sum(dim=1), maps.scores, atol=1e-5)
        True

    Reference:
        Our own, by the argument of LinearCAM.
    """
