"""Inference with the label at the output: compare the goodness of the channel groups, one pass per image."""

from convff.data import ImageData
from convff.evaluations.base import Context, Score, accuracy_of, discrimination
from convff.inference.goodness import predictions
from convff.inference.groups import group_goodness_of
from convff.network import LayerLocalNet


def judge_by_groups(net: LayerLocalNet, run: Context, data: ImageData) -> Score:
    """Score the accuracy by the goodness of the groups, summed over the blocks that count.

    Returns:
        the accuracy, and for each block its `accuracy` alone and its `discrimination`.
    """
    with run.timed("groups"):
        by_block = group_goodness_of(net, data, run.labels, goodness=run.rule.goodness, precision=run.precision)
        predicted = predictions(by_block, range(run.first_of(net), len(by_block)))
        alone = [predictions(by_block, [block]) for block in range(len(by_block))]
    return Score(
        value=accuracy_of(predicted, data.classes),
        predicted=predicted,
        per_block={
            "discrimination": discrimination(by_block, data.classes).tolist(),
            "accuracy": [accuracy_of(prediction, data.classes) for prediction in alone],
        },
    )
