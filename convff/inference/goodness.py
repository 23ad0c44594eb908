"""Inference by goodness: try every label on an image, and choose the one with the highest goodness.

True labels are not used here: these functions take images alone. A pass per label is expensive with many labels. Two
things make it cheaper: if labels are additive, the first block's convolution, which is linear, runs once for the image
and once for each label (`convff.inference.shared_first_block`); and a readout can name the candidates worth trying.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from convff.data import ImageData, as_floats
from convff.functional import mean_goodness
from convff.inference.shared_first_block import SharedFirstBlock
from convff.labelling import Labels, every_label, label_passes
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
    """Return the goodness of every block for every label.

    The network is in evaluation mode for the call: batch norm uses its running statistics, so that an image's scores
    do not depend on the images beside it.

    Args:
        net: the network.
        images: float `[B, C, H, W]` in [0, 1], unlabelled.
        labels: the label generator that the network was trained with.
        candidates: int64 `[B, M]`, the labels to try for each image; all if omitted.
        goodness: the rule's goodness of an activity `[N, ...]`.
        share_first: compute the first block's convolution once per image and once per label, instead of once per
            pass, if labels are additive; equal up to rounding. By default only with many input channels, where it pays.

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
        candidates = torch.arange(labels.num_classes, device=images.device).expand(images.shape[0], -1)
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


@torch.no_grad()
def traced_goodness(
    net: LayerLocalNet, images: Tensor, labels: Labels, *, goodness: Callable[[Tensor], Tensor] = mean_goodness
) -> Tensor:
    """Return what `block_goodness` returns for all labels, up to rounding, by tensor operations alone.

    Args:
        net: the network.
        images: float `[B, C, H, W]` in [0, 1], unlabelled.
        labels: the label generator that the network was trained with.
        goodness: the rule's goodness of an activity `[N, ...]`.

    Returns:
        float32 or better `[blocks, B, K]`.

    Example:
        >>> from convff import cnn3
        >>> from labels import FourierLabels
        >>> net, labels, images = cnn3((1, 8, 8), width=4, kernel=3), FourierLabels(5, (8, 8)), torch.rand(2, 1, 8, 8)
        >>> torch.allclose(traced_goodness(net, images, labels), block_goodness(net, images, labels), rtol=1e-4)
        True
    """
    found: list[Tensor] = []

    def visit(index: int, block: Block, h: Tensor) -> Tensor:
        a: Tensor = block(h)
        found.append(goodness(a).view(-1, labels.num_classes))
        return a

    with evaluating(net):
        net.route(every_label(labels, images).flatten(0, 1), visit)
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
    """Return the score of every label: its goodness summed over all blocks from `first` on. The largest one predicts.

    The first block is excluded by default, as in Hinton 2022 and Scodellaro et al. 2025: the length of its activity
    tells labels apart before it tells right from wrong.

    Args:
        net: the network.
        images: float `[B, C, H, W]` in [0, 1], unlabelled.
        labels: the label generator that the network was trained with.
        first: index of the first block that counts.
        candidates: int64 `[B, M]`, the labels to try for each image; the others score minus infinity.
        goodness: the rule's goodness of an activity `[N, ...]`. Sum goodness (as in the papers) weighs a block by its
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
        raise ValueError(f"`first` must be in [0, {len(net)}), got {first}")
    by_block = block_goodness(net, images, labels, candidates=candidates, goodness=goodness)
    return summed_scores(by_block[first:], labels.num_classes, candidates)


def summed_scores(by_block: Tensor, num_classes: int, candidates: Tensor | None = None) -> Tensor:
    """Return the scores `[N, K]` of all classes: goodness, summed over blocks.

    Args:
        by_block: goodness `[blocks, N, K]`, or `[blocks, N, M]` of candidates.
        num_classes: number of classes K.
        candidates: int64 `[N, M]`, the labels that were tried; the others score minus infinity. All if omitted.

    Example:
        >>> summed_scores(torch.ones(2, 1, 1), 3, candidates=torch.tensor([[1]]))
        tensor([[-inf, 2., -inf]])
    """
    scores = by_block.sum(dim=0)
    if candidates is None:
        return scores
    everything = scores.new_full((scores.shape[0], num_classes), -torch.inf)
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
    """Return `block_goodness` of a whole image set, in batches of at most `passes_per_batch` passes.

    Args:
        net: the network.
        data: the images; their classes are ignored.
        labels: the label generator that the network was trained with.
        candidates: int64 `[N, M]`, the labels to try for each image; all if omitted.
        goodness: the rule's goodness of an activity `[N, ...]`.
        precision: precision of the activities.
        passes_per_batch: for images up to 32 x 32; fewer for larger ones.
        share_first: see `block_goodness`.

    Returns:
        float32 `[blocks, N, K]`, or `[blocks, N, M]` for candidates.

    Example:
        >>> from convff import cnn3
        >>> from labels import FourierLabels
        >>> data = ImageData(torch.zeros(2, 1, 8, 8).byte(), torch.tensor([0, 1]), ("a", "b"), "dark")
        >>> block_goodness_of(cnn3((1, 8, 8), width=4, kernel=3), data, FourierLabels(2, (8, 8))).shape
        torch.Size([3, 2, 2])
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
    """Return the classes `[N]` with the largest sum of goodness over some blocks.

    Args:
        by_block: goodness `[blocks, N, K]`, or `[blocks, N, M]` of candidates.
        blocks: indices of the blocks that count.
        candidates: int64 `[N, M]`, the labels that were tried; all if omitted.

    Example:
        >>> predictions(torch.tensor([[[1.0, 3.0]]]), [0], candidates=torch.tensor([[7, 5]]))
        tensor([5])
    """
    best = by_block[list(blocks)].sum(dim=0).argmax(dim=1)
    return best if candidates is None else candidates.gather(1, best[:, None]).squeeze(1)
