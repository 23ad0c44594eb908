"""Maps of the scores of a classifier, by the methods of `cam`; importing this imports grad-cam."""

from collections.abc import Sequence

from torch import Tensor, nn

from convff.cam import (
    CentredCAM,
    GoodnessDifference,
    Judged,
    LinearCAM,
    Maps,
    ReadoutModel,
    SignedCAM,
    head_maps,
    score_maps,
)
from convff.evaluations import EVALUATIONS, Context
from convff.inference.readout import LinearReadout
from convff.network import LayerLocalNet
from convff.ways import JOINT, READOUTS

SETTLED = ("settled",)  # layers with local fields have places then, and dense layers leave it to the pixels


class OneScore:
    """Target: the score of a class.

    Args:
        label: the class.

    Example:
        >>> import torch
        >>> OneScore(1)(torch.tensor([3.0, 2.0]))
        tensor(2.)
    """

    def __init__(self, label: int) -> None:
        self.label = label

    def __call__(self, scores: Tensor) -> Tensor:
        """Return one of the scores `[K]`."""
        return scores[self.label]


def method_of(evaluation: str, net: LayerLocalNet, run: Context, usual: Sequence[Tensor]) -> SignedCAM:
    """Return what makes the maps of the scores of an evaluation.

    Args:
        evaluation: its name.
        net: the network.
        run: the context of its evaluations.
        usual: the usual activity of the blocks that the fitted readout reads; empty if unknown.

    Raises:
        ValueError: the scores are no sums over positions of the image.
    """
    if evaluation not in SETTLED and not all(isinstance(block.layer, nn.Conv2d) for block in net):
        raise ValueError("dense layers and layers with local fields have no positions, so there is nothing to map")
    judged = Judged(net, run.labels, run.rule, run.modules, run.train.shape)
    needs = EVALUATIONS[evaluation].needs
    if needs == "head":
        return head_maps(judged)
    if evaluation in READOUTS:
        return _of_readout(run.modules[needs], usual if evaluation not in JOINT else ())
    method = score_maps(evaluation, judged, run.first_scored_of(net))
    if method is None:
        raise ValueError(f"the scores by {evaluation} are no sums over positions; maps of a readout are, by='readout'")
    return method


def _of_readout(readout: nn.Module, usual: Sequence[Tensor]) -> LinearCAM:
    assert isinstance(readout, LinearReadout)
    if readout.normalised or readout.reads_first:
        raise ValueError("its readout normalises activity, so its scores are no sums over it")
    model = ReadoutModel(readout).eval()
    return CentredCAM(model, model.layers, usual=usual) if usual else LinearCAM(model, model.layers)


def maps_for(method: SignedCAM, images: Tensor, of: Sequence[int], against: Sequence[int] | None) -> Maps:
    """Return the signed maps of float images `[B, C, H, W]`.

    Args:
        method: makes the maps.
        images: on the network's device.
        of: the class to explain, for each image.
        against: the class to compare it with; None for its score alone.
    """
    if against is None:
        return method.maps(images, [OneScore(label) for label in of])
    return method.maps(images, [GoodnessDifference(*pair) for pair in zip(of, against, strict=True)])
