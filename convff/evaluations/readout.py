"""The linear readout: fitted to the final network with a penalty or with dropout, or trained beside it."""

from torch import Tensor

from convff.data import ImageData
from convff.evaluations.base import Context, Score, accuracy_of
from convff.inference.dropout_readout import fit_with_dropout
from convff.inference.readout import LinearReadout
from convff.network import LayerLocalNet


def judge_by_readout(net: LayerLocalNet, run: Context, data: ImageData) -> Score:
    """Score the accuracy of a readout that is fitted to the current network."""
    return _score(run.readout(net), run, data)


def judge_by_dropout_readout(net: LayerLocalNet, run: Context, data: ImageData) -> Score:
    """Score the accuracy of a readout that is fitted to the current network with dropout, to all training images."""
    readout = run.new_readout(net)
    with run.timed("dropout readout"):
        fit_with_dropout(readout, run.train, seed=run.seed, precision=run.precision)
    run.fitted["dropout"] = readout
    return _score(readout, run, data)


def judge_by_joint_readout(net: LayerLocalNet, run: Context, data: ImageData) -> Score:
    """Score the accuracy of the readout that was trained beside the blocks: module `joint_readout` of the run."""
    return _score(_module(run, "joint_readout"), run, data)


def scores_by_readout(net: LayerLocalNet, run: Context, images: Tensor) -> Tensor:
    """Return the scores `[B, K]` of the readout that was fitted to the network, for float images `[B, C, H, W]`."""
    return run.readout(net).scores(images, precision=run.precision)


def scores_by_dropout_readout(net: LayerLocalNet, run: Context, images: Tensor) -> Tensor:
    """Return the scores `[B, K]` of module `dropout` of the run for float images `[B, C, H, W]`."""
    return _module(run, "dropout").scores(images, precision=run.precision)


def scores_by_joint_readout(net: LayerLocalNet, run: Context, images: Tensor) -> Tensor:
    """Return the scores `[B, K]` of module `joint_readout` of the run for float images `[B, C, H, W]`."""
    return _module(run, "joint_readout").scores(images, precision=run.precision)


def _module(run: Context, name: str) -> LinearReadout:
    readout = run.modules[name]
    assert isinstance(readout, LinearReadout)
    return readout


def _score(readout: LinearReadout, run: Context, data: ImageData) -> Score:
    scores: Tensor = readout.scores_of(data, precision=run.precision)
    predicted = scores.topk(1, dim=1).indices.squeeze(1)  # as in `LinearReadout.predict`, also where scores are equal
    return Score(value=accuracy_of(predicted, data.classes), predicted=predicted, scores=scores)
