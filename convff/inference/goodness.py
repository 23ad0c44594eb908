"""Inference by goodness: try every label on an image, and take the one that the network finds best.

True labels never enter here: these functions take images alone. A pass for every label is dear where there are many.
Two things make it cheaper: where labels add, the first block's convolution, which is linear, runs once for the image
and once for each label (`convff.inference.shared_first_block`); and a readout can name the candidates worth trying.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from convff.data import ImageData, as_floats
from convff.functional import mean_goodness
from convff.inference.shared_first_block import SharedFirstBlock
from convff.labelling import Labels, label_passes
from convff.machine.precision import autocast
from convff.network import Block, LayerLocalNet, evaluating


@torch.no_grad()
def block_goodness(
    net: LayerLocalNet,
    images: Tensor,
    labels: Labels,
    *,
    candidates: Tensor | None = None,
    goodness: Callable[[Tensor], Tensor] = mean_goodness,
    share_first: bool | None = None,
) -> Tensor:
    """Goodness of every block for every label.

    The network is in evaluation mode for the call: batch norm uses its running statistics, so that an image's scores
    do not depend on the images beside it.

    Args:
        net: the network.
        images: float `[B, C, H, W]` in [0, 1], unlabelled.
        labels: the label generator that the network was trained with.
        candidates: int64 `[B, M]`, the labels to try for each image; all if left out.
        goodness: of an activity `[N, ...]`, as the rule had it.
        share_first: compute the first block's convolution once an image and once a label where labels add, instead
            of once a pass: equal but for rounding. Left out: where that pays, which is with many input channels.

    Returns:
        float32 `[blocks, B, K]`, or `[blocks, B, M]` for candidates.

    Example:
        >>> from convff import cnn3
        >>> from labels import FourierLabels
        >>> net = cnn3((1, 8, 8), width=4, kernel=3)
        >>> block_goodness(net, torch.rand(2, 1, 8, 8), FourierLabels(5, (8, 8))).shape
        torch.Size([3, 2, 5])
    """
    if candidates is None:
        candidates = torch.arange(labels.num_classes, device=images.device).expand(len(images), -1)
    with evaluating(net):
        shared = SharedFirstBlock.of(net, labels, images, share_first)
        return _route_goodness(net, images, labels, candidates, goodness, shared)


def _route_goodness(
    net: LayerLocalNet,
    images: Tensor,
    labels: Labels,
    candidates: Tensor,
    goodness: Callable[[Tensor], Tensor],
    shared: SharedFirstBlock | None,
) -> Tensor:
    """Return goodness `[blocks, B, M]` of a network in evaluation mode."""
    found: list[Tensor] = []

    def visit(index: int, block: Block, h: Tensor) -> Tensor:
        a: Tensor = shared.activity(images, candidates) if shared is not None and not found else block(h)
        found.append(goodness(a).view(candidates.shape))
        return a

    inputs = label_passes(labels, images, candidates) if shared is None else shared.entered(images, candidates)
    net.route(inputs, visit)
    return torch.stack(found)


def goodness_scores(
    net: LayerLocalNet,
    images: Tensor,
    labels: Labels,
    *,
    first: int = 1,
    candidates: Tensor | None = None,
    goodness: Callable[[Tensor], Tensor] = mean_goodness,
) -> Tensor:
    """Scores of every label: the sum of the goodness of all blocks from `first` on. The prediction is the largest.

    The first block is left out, as in Hinton 2022 and Scodellaro et al. 2025: the length of its activity tells
    labels apart before it tells right from wrong.

    Args:
        net: the network.
        images: float `[B, C, H, W]` in [0, 1], unlabelled.
        labels: the label generator that the network was trained with.
        first: index of the first block that counts.
        candidates: int64 `[B, M]`, the labels to try for each image; the others score minus infinity.
        goodness: of an activity `[N, ...]`, as the rule had it. Sum goodness (the papers') weighs a block by its
            number of units, mean goodness weighs all alike.

    Returns:
        float32 `[B, K]`.

    Raises:
        ValueError: `first` leaves no block.

    Example:
        >>> from convff import cnn3
        >>> from labels import FourierLabels
        >>> net = cnn3((1, 8, 8), width=4, kernel=3)
        >>> goodness_scores(net, torch.rand(2, 1, 8, 8), FourierLabels(5, (8, 8))).shape
        torch.Size([2, 5])
    """
    if not 0 <= first < len(net):
        raise ValueError(f"at least one of {len(net)} blocks must count, but the first is to be block {first}")
    by_block = block_goodness(net, images, labels, candidates=candidates, goodness=goodness)
    scores = by_block[first:].sum(dim=0)
    if candidates is None:
        return scores
    everything = scores.new_full((len(images), labels.num_classes), -torch.inf)
    return everything.scatter(1, candidates, scores)


@torch.no_grad()
def block_goodness_of(
    net: LayerLocalNet,
    data: ImageData,
    labels: Labels,
    *,
    candidates: Tensor | None = None,
    goodness: Callable[[Tensor], Tensor] = mean_goodness,
    precision: str = "float32",
    passes_per_batch: int = 400,
    share_first: bool | None = None,
) -> Tensor:
    """`block_goodness` of a whole image set, in batches of `passes_per_batch` passes at most.

    Args:
        net: the network.
        data: the images; their classes are not looked at.
        labels: the label generator that the network was trained with.
        candidates: int64 `[N, M]`, the labels to try for each image; all if left out.
        goodness: of an activity `[N, ...]`, as the rule had it.
        precision: of the activities.
        passes_per_batch: of images up to 32 x 32; fewer of larger ones.
        share_first: see `block_goodness`.

    Returns:
        float32 `[blocks, N, K]`, or `[blocks, N, M]` for candidates.
    """
    passes = min(passes_per_batch, 2**20 // data.images[0, 0].numel())
    if candidates is None:
        candidates = torch.arange(labels.num_classes, device=data.images.device).expand(len(data), -1)
    batch_size = max(1, passes // candidates.shape[1])
    with evaluating(net), autocast(data.images.device, precision):
        shared = SharedFirstBlock.of(net, labels, as_floats(data.images[:1]), share_first)
        scores = [
            _route_goodness(net, as_floats(images), labels, tried, goodness, shared)
            for images, tried in zip(data.images.split(batch_size), candidates.split(batch_size), strict=True)
        ]
    return torch.cat(scores, dim=1)


def predictions(by_block: Tensor, blocks: Sequence[int], candidates: Tensor | None = None) -> Tensor:
    """Classes `[N]` with the largest sum of goodness over some blocks.

    Args:
        by_block: goodness `[blocks, N, K]`, or `[blocks, N, M]` of candidates.
        blocks: indices of the blocks that count.
        candidates: int64 `[N, M]`, the labels that were tried; all if left out.

    Example:
        >>> predictions(torch.tensor([[[1.0, 3.0]]]), [0], candidates=torch.tensor([[7, 5]]))
        tensor([5])
    """
    best = by_block[list(blocks)].sum(dim=0).argmax(dim=1)
    return best if candidates is None else candidates.gather(1, best[:, None]).squeeze(1)
