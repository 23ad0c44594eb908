"""Goodness inference: try labels on images, and compare goodness."""

import torch
from torch import Tensor

from convff.data import ImageData
from convff.evaluations.base import Context, Score, accuracy_of, discrimination
from convff.inference.goodness import (
    block_goodness,
    block_goodness_of,
    goodness_scores,
    predictions,
    summed_scores,
    traced_goodness,
)
from convff.machine.precision import autocast
from convff.network import LayerLocalNet

PROBED = 500
PASSES = 400  # at once, of images up to 32 x 32; fewer of larger ones


def judge_by_goodness(net: LayerLocalNet, run: Context, data: ImageData) -> Score:
    """Score the accuracy by goodness, summed over the blocks that count.

    Returns:
        the accuracy, and for each block its `accuracy` alone, its `discrimination` and its `label_bias` (see
        `label_bias`). Where only the readout's candidates are tried, discrimination and bias, which are about all
        labels, are measured on the first `PROBED` images.
    """
    candidates = _candidates(net, run, data)
    with run.timed("goodness"):
        by_block = _goodness(net, run, data, candidates)
        of_all = by_block if candidates is None else _goodness(net, run, data.part(0, PROBED))
        predicted = predictions(by_block, range(run.first_scored_of(net), len(by_block)), candidates)
        alone = [predictions(by_block, [block], candidates) for block in range(len(by_block))]
    return Score(
        value=accuracy_of(predicted, data.classes),
        predicted=predicted,
        per_block={
            "discrimination": discrimination(of_all, data.classes[: of_all.shape[1]]).tolist(),
            "accuracy": [accuracy_of(prediction, data.classes) for prediction in alone],
            "label_bias": label_bias(net, run, data, of_all),
        },
        scores=summed_scores(by_block[run.first_scored_of(net) :], run.labels.num_classes, candidates),
    )


def scores_by_goodness(net: LayerLocalNet, run: Context, images: Tensor) -> Tensor:
    """Return the goodness `[B, K]` of every label, summed over the blocks that count.

    Labels that a run's readout does not name as candidates have minus infinity.

    Args:
        net: the network.
        run: the run that it comes from.
        images: float `[B, C, H, W]` in [0, 1].
    """
    count = min(run.candidates, run.labels.num_classes)
    tried = None
    if count:
        tried = run.readout(net).scores(images, precision=run.precision).topk(count, dim=1).indices
    return _summed(net, run, images, run.first_scored_of(net), tried)


def scores_from_block(net: LayerLocalNet, run: Context, images: Tensor, first: int) -> Tensor:
    """Return the goodness `[B, K]` of every label, summed over the blocks from index `first` on.

    Args:
        net: the network.
        run: the run that it comes from.
        images: float `[B, C, H, W]` in [0, 1].
        first: index of the first block.
    """
    return _summed(net, run, images, first, None)


def traced_scores_by_goodness(net: LayerLocalNet, run: Context, images: Tensor) -> Tensor:
    """Return the scores of `scores_by_goodness` by tensor operations alone; see `Evaluation.traced`."""
    scores = traced_scores_from_block(net, run, images, run.first_scored_of(net))
    count = min(run.candidates, run.labels.num_classes)
    if not count:
        return scores
    tried = run.readout(net).scores(images, precision=run.precision).topk(count, dim=1).indices
    return torch.full_like(scores, -torch.inf).scatter(1, tried, scores.gather(1, tried))


def traced_scores_from_block(net: LayerLocalNet, run: Context, images: Tensor, first: int) -> Tensor:
    """Return the scores of `scores_from_block` by tensor operations alone; see `Evaluation.traced`."""
    return traced_goodness(net, images, run.labels, goodness=run.rule.goodness)[first:].sum(dim=0)


def _summed(net: LayerLocalNet, run: Context, images: Tensor, first: int, candidates: Tensor | None) -> Tensor:
    tries = run.labels.num_classes if candidates is None else candidates.shape[1]
    size = max(1, min(PASSES, 2**20 // images[0, 0].numel()) // tries)
    tried = [None] * -(-len(images) // size) if candidates is None else candidates.split(size)
    with autocast(images.device, run.precision):
        parts = [
            goodness_scores(net, part, run.labels, first=first, candidates=some, goodness=run.rule.goodness)
            for part, some in zip(images.split(size), tried, strict=True)
        ]
    return torch.cat(parts)


def label_bias(net: LayerLocalNet, run: Context, data: ImageData, of_real: Tensor) -> list[float]:
    """Measure whether a label changes goodness where there is nothing to see.

    On a blank image no label is right, so a network that judges whether label and image match gives all labels the
    same goodness.

    Args:
        net: the network.
        run: the run that it comes from.
        data: the images, for their shape.
        of_real: goodness `[blocks, N, K]` of some of the images.

    Returns:
        for each block the spread of goodness over labels on blank images (dark, mid and light gray), over that on real
        images: 0 is ideal; at 1 the label alone moves goodness as much as both together, a shortcut.
    """
    device = data.images.device
    grays = torch.tensor([0.25, 0.5, 0.75], device=device).view(-1, 1, 1, 1)
    with autocast(device, run.precision):
        blank = grays.expand(-1, *data.shape).contiguous()
        by_block = block_goodness(net, blank, run.labels, goodness=run.rule.goodness)
    spread = of_real.std(dim=2).mean(dim=1).clamp_min(torch.finfo(torch.float32).tiny)
    bias: list[float] = (by_block.std(dim=2).mean(dim=1) / spread).tolist()
    return bias


def _goodness(net: LayerLocalNet, run: Context, data: ImageData, candidates: Tensor | None = None) -> Tensor:
    """Return goodness `[blocks, N, K]`, or `[blocks, N, M]` of candidates `[N, M]`."""
    return block_goodness_of(
        net, data, run.labels, candidates=candidates, goodness=run.rule.goodness, precision=run.precision
    )


def _candidates(net: LayerLocalNet, run: Context, data: ImageData) -> Tensor | None:
    """Return the labels worth trying for each image, by the fitted readout; None to try all."""
    count = min(run.candidates, run.labels.num_classes)
    if count == 0:
        return None
    readout = run.readout(net)
    with run.timed("candidates"):
        return readout.candidates(data, count, precision=run.precision)
