"""Inference by a rule's own scores: every block scores every class in one pass per image."""

from torch import nn

from convff.data import ImageData
from convff.evaluations.base import Context, Score, score_of_blocks
from convff.inference.scores import block_scores_of
from convff.network import LayerLocalNet


def judge_by_scores(net: LayerLocalNet, run: Context, data: ImageData) -> Score:
    """Score the accuracy by the rule's scores, summed over the blocks that count.

    Returns:
        the accuracy, and for each block its `accuracy` alone and its `discrimination`.
    """
    beside = run.modules.get("beside")
    assert beside is None or isinstance(beside, nn.ModuleList)
    with run.timed("goodness"):
        by_block = block_scores_of(net, data, run.labels, run.rule, beside, precision=run.precision)
        return score_of_blocks(net, run, data, by_block)
