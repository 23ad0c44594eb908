"""Networks whose blocks try all labels on their own input: their scores, and where these come from."""

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from cam.base import SignedCAM, place_of_stranger, positions
from cam.functional import Target, target_gradient
from cam.models import Labels, Net
from cam.modes import evaluating


class BlockModel(nn.Module):
    """Goodness of every label in every block, by one pass of a trunk that carries no label.

    With terms `v_k` that label k adds to a unit before its ReLU, and no label changing which units are active, the
    goodness of a block with activity a and n units is `1/n sum (a^2 + 2 a v_k + 1[a > 0] v_k^2)`.

    Args:
        net: the network.
        labels: makes the input that carries no label.
        terms: of each block, `[K, C, R, R]`: a number per label, channel and region of the map; 0 in sum over labels.
        first: index of the first block that counts.

    Attributes:
        layers: the blocks that count: the target layers of `BlockCAM`.
        terms: those of the blocks that count.

    Raises:
        ValueError: `first` leaves no block, or there are not as many terms as blocks; when called, regions do not
            divide a map.

    Example:
        >>> from convff import cnn3
        >>> from labels import NoLabels
        >>> terms = [torch.tensor([1.0, 0.0, -1.0]).view(3, 1, 1, 1).expand(3, 4, 1, 1)] * 3
        >>> model = BlockModel(cnn3((1, 8, 8), width=4, kernel=3), NoLabels(3), terms)
        >>> model(torch.rand(5, 1, 8, 8)).shape, len(model.layers)
        (torch.Size([5, 3]), 2)
    """

    def __init__(self, net: Net, labels: Labels, terms: Sequence[Tensor], *, first: int = 1) -> None:
        super().__init__()
        blocks = list(net)
        if not 0 <= first < len(blocks) or len(terms) != len(blocks):
            raise ValueError(
                f"there are {len(blocks)} blocks and {len(terms)} terms, and the first to count is to be block {first}"
            )
        self.net = net
        self.labels = labels
        self.first = first
        self.layers: list[nn.Module] = blocks[first:]
        self.terms = [of_block.detach() for of_block in terms[first:]]

    def forward(self, images: Tensor) -> Tensor:
        """Scores `[B, K]` of images `[B, C, H, W]`, summed over the blocks that count; batch norm does not adapt."""
        everything = torch.eye(len(self.terms[0]), dtype=images.dtype, device=images.device)
        with evaluating(self):
            neutral = self.labels.neutral(images).contiguous(memory_format=torch.channels_last)
            counted = self.net(neutral)[self.first :]
            by_class = [
                torch.stack(
                    [label_shares(a, v, row.expand(len(a), -1)).flatten(1).sum(dim=1) for row in everything], dim=1
                )
                for a, v in zip(counted, self.terms, strict=True)
            ]
        return torch.stack(by_class).sum(dim=0)


def label_shares(a: Tensor, terms: Tensor, mixing: Tensor) -> Tensor:
    """Return each unit's share of a mixture of the labels' goodness, summed over the channels.

    Args:
        a: activity `[B, C, h, w]`, or `[B, C]`.
        terms: `[K, C, R, R]`.
        mixing: weight of each label for each image `[B, K]`.

    Returns:
        `[B, h, w]`, or `[B]` for a dense layer.

    Raises:
        ValueError: the regions do not divide the map.

    Example:
        >>> terms = torch.tensor([1.0, -1.0]).view(2, 1, 1, 1)
        >>> label_shares(torch.tensor([[3.0]]), terms, torch.tensor([[1.0, 0.0]]))  # (3 + 1)^2
        tensor([16.])
    """
    v = terms.to(a.dtype)
    once = torch.einsum("bk,kcrq->bcrq", mixing.to(a.dtype), v)
    squared = torch.einsum("bk,kcrq->bcrq", mixing.to(a.dtype), v.square())
    total = mixing.to(a.dtype).sum(dim=1).view(-1, *[1] * (a.ndim - 1))
    units = a[0].numel()
    return (total * a.square() + 2 * a * _over(once, a) + (a > 0) * _over(squared, a)).sum(dim=1) / units


def _over(by_region: Tensor, a: Tensor) -> Tensor:
    """Return values by region `[B, C, R, R]` at every position of an activity."""
    if a.ndim == 2:
        return by_region.flatten(1)
    regions, (height, width) = by_region.shape[-1], a.shape[2:]
    if height % regions or width % regions:
        raise ValueError(f"{regions} x {regions} regions do not divide a map of {height} x {width}")
    return by_region.repeat_interleave(height // regions, 2).repeat_interleave(width // regions, 3)


class BlockCAM(SignedCAM):
    """The share that each position has in the goodness of a label that every block tries on its own input.

    The goodness is a sum over units, so the maps of all blocks that count sum to the score of the label; that of
    `GoodnessDifference(a, b)` is positive where label a fits better than label b.

    Args:
        model: a `BlockModel`.
        target_layers: some or all of `model.layers`.
        reshape_transform: only there because grad-cam's classes have it.

    Raises:
        ValueError: a target layer that does not count.

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

    def __init__(self, model: nn.Module, target_layers: Sequence[nn.Module], reshape_transform: None = None) -> None:
        super().__init__(model, target_layers, reshape_transform)
        self.judged = cast(BlockModel, model)
        place = place_of_stranger(self.target_layers, self.judged.layers)
        if place is not None:
            raise ValueError(
                f"target layer {place} ({type(self.target_layers[place]).__name__}) does not count; "
                f"{len(self.judged.layers)} layers do, those of model.layers"
            )

    @torch.no_grad()
    def layer_maps(
        self, activations: Sequence[Tensor], outputs: Tensor, targets: Sequence[Target]
    ) -> tuple[list[Tensor], Tensor]:
        """See `SignedCAM`; one activity `[B, C, h, w]` serves all labels."""
        mixing = target_gradient(outputs, targets)  # (B, K)
        terms_of = {id(layer): v for layer, v in zip(self.judged.layers, self.judged.terms, strict=True)}
        maps = []
        for layer, a in zip(self.target_layers, activations, strict=True):
            positions(a, layer)  # refuses a layer that has none
            maps.append(label_shares(a, terms_of[id(layer)], mixing))
        return maps, mixing.new_zeros(len(mixing))
