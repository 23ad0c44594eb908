"""Inference by a rule's own scores: every block scores every class in one pass per image."""

from torch import Tensor, nn

from convff.data import ImageData
from convff.evaluations.base import Context, Score, score_of_blocks
from convff.inference.scores import block_scores, block_scores_of
from convff.machine.precision import autocast
from convff.network import LayerLocalNet


def judge_by_scores(net: LayerLocalNet, run: Context, data: ImageData) -> Score:
    """Score the accuracy by the rule's scores, summed over the blocks that count.

    Returns:
        the accuracy, and for each block its `accuracy` alone and its `discrimination`.
    """
    with run.timed("goodness"):
        by_block = block_scores_of(net, data, run.labels, run.rule, _beside(run), precision=run.precision)
        return score_of_blocks(net, run, data, by_block)


def scores_of_rule(net: LayerLocalNet, run: Context, images: Tensor) -> Tensor:
    """Return the rule's scores `[B, K]`, summed over the blocks that count, for float images `[B, C, H, W]`."""
    with autocast(images.device, run.precision):
        by_block = block_scores(net, images, run.labels, run.rule, _beside(run))
    return by_block[run.first_scored_of(net) :].sum(dim=0)


def _beside(run: Context) -> nn.ModuleList | None:
    beside = run.modules.get("beside")
    assert beside is None or isinstance(beside, nn.ModuleList)
    return beside
