"""The readout that is trained beside the blocks of a run."""

from functools import partial

from convff import NEGATIVES, LayerLocalNet, LinearReadout, SoftmaxReadout, wants_scores
from experiments.config.recipe import Recipe
from experiments.run.evaluate import Evaluator


def new_joint_readout(recipe: Recipe, evaluator: Evaluator, net: LayerLocalNet) -> LinearReadout | None:
    """Return the readout that is trained beside the blocks, as it starts; None if the run has none.

    The recipe's reads every position. One that only gives hard negatives their scores reads the averages that the
    fitted readout reads.

    Args:
        recipe: the numbers of the run.
        evaluator: judges the run's networks.
        net: the network to read.
    """
    judged = recipe.joint_readout and "linear" in evaluator.evaluations
    if not judged and not wants_scores(NEGATIVES[recipe.negatives_from or "all"]):
        return None
    make = partial(SoftmaxReadout, lr=recipe.softmax_rate) if recipe.joint_softmax else LinearReadout
    grid = None if recipe.joint_readout else recipe.readout_grid
    run = evaluator.run
    return make(net, run.labels, run.train.shape, first=run.first_of(net), grid=grid)
