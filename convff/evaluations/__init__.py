"""Evaluations, one per file: the ways to judge a trained network. A new evaluation is a file and a row of the table."""

from convff.evaluations.base import Context, Evaluation, Score, accuracy_of, discrimination
from convff.evaluations.goodness import judge_by_goodness
from convff.evaluations.head import judge_by_head
from convff.evaluations.one_pass import judge_by_scores
from convff.evaluations.readout import judge_by_dropout_readout, judge_by_joint_readout, judge_by_readout
from convff.evaluations.summed import judge_on_training_images, judge_without_first

EVALUATIONS: dict[str, Evaluation] = {
    "goodness": Evaluation("goodness inference", judge_by_goodness, each_epoch=True),
    "goodness_from": Evaluation("goodness inference without block 1", judge_without_first, beside="goodness"),
    "goodness_train": Evaluation("goodness inference, training images", judge_on_training_images, beside="goodness"),
    "groups": Evaluation("goodness of channel groups, one pass per image", judge_by_scores, each_epoch=True),
    "blocks": Evaluation("goodness of every label in every block, one pass", judge_by_scores, each_epoch=True),
    "gains": Evaluation("goodness of channels by each class's gains, one pass", judge_by_scores, each_epoch=True),
    "beside": Evaluation("goodness of every label beside every block, one pass", judge_by_scores, each_epoch=True),
    "stream": Evaluation("agreement with a stream of labels, one pass", judge_by_scores, each_epoch=True),
    "local_heads": Evaluation("linear heads of all blocks, one pass", judge_by_scores, each_epoch=True),
    "linear": Evaluation("linear readout, fitted at the end (L-BFGS)", judge_by_readout),
    "dropout": Evaluation("linear readout with dropout, fitted at the end (Adam)", judge_by_dropout_readout),
    "linear_joint": Evaluation("linear readout, trained beside the blocks (Adam)", judge_by_joint_readout),
    "softmax_joint": Evaluation("softmax, trained beside the blocks (smoothed steps)", judge_by_joint_readout),
    "head": Evaluation("softmax head, trained by backpropagation", judge_by_head, each_epoch=True),
}

__all__ = ["EVALUATIONS", "Context", "Evaluation", "Score", "accuracy_of", "discrimination"]
