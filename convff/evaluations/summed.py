"""Goodness inference by some of the blocks: without the first ones, and on the training images."""

from dataclasses import replace

from torch import Tensor

from convff.data import ImageData
from convff.evaluations.base import Context, Score, accuracy_of
from convff.evaluations.goodness import scores_from_block, traced_scores_from_block
from convff.inference.goodness import block_goodness_of, predictions
from convff.network import LayerLocalNet


def judge_without_first(net: LayerLocalNet, run: Context, data: ImageData) -> Score:
    """Score the accuracy by goodness, summed over all blocks but the first; by the only block if there is one.

    Returns:
        the accuracy, and for each block its `accuracy` alone and `accuracy_from`, that of the goodness summed from this
        block on.
    """
    return _judged(net, run, data, min(1, len(net) - 1))


def scores_without_first(net: LayerLocalNet, run: Context, images: Tensor) -> Tensor:
    """Return the goodness `[B, K]` of every label without the first block, for float images `[B, C, H, W]`."""
    return scores_from_block(net, run, images, min(1, len(net) - 1))


def traced_scores_without_first(net: LayerLocalNet, run: Context, images: Tensor) -> Tensor:
    """Return the scores of `scores_without_first` by tensor operations alone; see `Evaluation.traced`."""
    return traced_scores_from_block(net, run, images, min(1, len(net) - 1))


def judge_on_training_images(net: LayerLocalNet, run: Context, data: ImageData) -> Score:
    """Score the accuracy by goodness on all training images of the run, summed over the blocks that count.

    Args:
        net: the network.
        run: the run that it comes from; its training images are judged.
        data: ignored.

    Returns:
        the accuracy, and for each block its `accuracy` alone and `accuracy_from`, that of the goodness summed from this
        block on.
    """
    return replace(_judged(net, run, run.train, run.first_scored_of(net)), predicted=None, scores=None)


def _judged(net: LayerLocalNet, run: Context, data: ImageData, first: int) -> Score:
    with run.timed("goodness"):
        by_block = block_goodness_of(net, data, run.labels, goodness=run.rule.goodness, precision=run.precision)
    blocks = range(len(by_block))
    summed = [predictions(by_block, blocks[block:]) for block in blocks]
    return Score(
        value=accuracy_of(summed[first], data.classes),
        predicted=summed[first],
        per_block={
            "accuracy": [accuracy_of(predictions(by_block, [block]), data.classes) for block in blocks],
            "accuracy_from": [accuracy_of(predicted, data.classes) for predicted in summed],
        },
        scores=by_block[first:].sum(dim=0),
    )
