"""Evaluations, one per file: the ways to judge a trained network. A new evaluation is a file and a row of the table."""

from typing import Any

from convff.evaluations.base import Context, Evaluation, Score, accuracy_of, discrimination
from convff.evaluations.goodness import judge_by_goodness, scores_by_goodness, traced_scores_by_goodness
from convff.evaluations.head import judge_by_head, scores_by_head
from convff.evaluations.one_pass import judge_by_scores, scores_of_rule
from convff.evaluations.readout import (
    judge_by_dropout_readout,
    judge_by_joint_readout,
    judge_by_readout,
    scores_by_dropout_readout,
    scores_by_joint_readout,
    scores_by_readout,
)
from convff.evaluations.settled import judge_by_settling, scores_by_settling, traced_scores_by_settling
from convff.evaluations.summed import (
    judge_on_training_images,
    judge_without_first,
    scores_without_first,
    traced_scores_without_first,
)

ONE_PASS: dict[str, Any] = {"each_epoch": True, "scores": scores_of_rule}

EVALUATIONS: dict[str, Evaluation] = {
    "goodness": Evaluation(
        "goodness inference",
        judge_by_goodness,
        each_epoch=True,
        scores=scores_by_goodness,
        traced=traced_scores_by_goodness,
    ),
    "goodness_from": Evaluation(
        "goodness inference without block 1",
        judge_without_first,
        beside="goodness",
        scores=scores_without_first,
        traced=traced_scores_without_first,
    ),
    "goodness_train": Evaluation("goodness inference, training images", judge_on_training_images, beside="goodness"),
    "groups": Evaluation("goodness of channel groups, one pass per image", judge_by_scores, **ONE_PASS),
    "blocks": Evaluation("goodness of every label in every block, one pass", judge_by_scores, **ONE_PASS),
    "gains": Evaluation("goodness of channels by each class's gains, one pass", judge_by_scores, **ONE_PASS),
    "beside": Evaluation("goodness of every label beside every block, one pass", judge_by_scores, **ONE_PASS),
    "stream": Evaluation("agreement with a stream of labels, one pass", judge_by_scores, **ONE_PASS),
    "settled": Evaluation(
        "goodness of every label while the network settles",
        judge_by_settling,
        each_epoch=True,
        scores=scores_by_settling,
        traced=traced_scores_by_settling,
    ),
    "local_heads": Evaluation("linear heads of all blocks, one pass", judge_by_scores, **ONE_PASS),
    "linear": Evaluation(
        "linear readout, fitted at the end (L-BFGS)", judge_by_readout, scores=scores_by_readout, needs="readout"
    ),
    "dropout": Evaluation(
        "linear readout with dropout, fitted at the end (Adam)",
        judge_by_dropout_readout,
        scores=scores_by_dropout_readout,
        needs="dropout",
    ),
    "linear_joint": Evaluation(
        "linear readout, trained beside the blocks (Adam)",
        judge_by_joint_readout,
        scores=scores_by_joint_readout,
        needs="joint_readout",
    ),
    "softmax_joint": Evaluation(
        "softmax, trained beside the blocks (smoothed steps)",
        judge_by_joint_readout,
        scores=scores_by_joint_readout,
        needs="joint_readout",
    ),
    "head": Evaluation(
        "softmax head, trained by backpropagation", judge_by_head, each_epoch=True, scores=scores_by_head, needs="head"
    ),
}

__all__ = ["EVALUATIONS", "Context", "Evaluation", "Score", "accuracy_of", "discrimination"]
