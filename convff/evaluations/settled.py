"""Inference by settling: a recurrent network tries every label, and the one it settles best under is chosen."""

import torch
from torch import Tensor

from convff.data import ImageData, as_floats
from convff.evaluations.base import Context, Score, score_of_blocks
from convff.machine.precision import autocast
from convff.network import LayerLocalNet
from convff.recurrent.goodness import settled_goodness
from convff.recurrent.network import RecurrentNet

BATCH = 500


def judge_by_settling(net: LayerLocalNet, run: Context, data: ImageData) -> Score:
    """Score the accuracy by the goodness of the layers that count, averaged over the rule's counted iterations.

    Returns:
        the accuracy, and for each layer its `accuracy` alone and its `discrimination`.
    """
    with run.timed("goodness"):
        return score_of_blocks(net, run, data, settled_goodness_of(net, run, data))


def scores_by_settling(net: LayerLocalNet, run: Context, images: Tensor) -> Tensor:
    """Return the goodness `[B, K]` of every label for float images `[B, C, H, W]`; see `judge_by_settling`."""
    return _goodness(net, run, images)[run.first_scored_of(net) :].sum(dim=0)


def settled_goodness_of(net: LayerLocalNet, run: Context, data: ImageData) -> Tensor:
    """Return the goodness `[layers, N, K]` of a whole image set, batch by batch; see `settled_goodness`."""
    return torch.cat([_goodness(net, run, as_floats(images)) for images in data.images.split(BATCH)], dim=1)


def _goodness(net: LayerLocalNet, run: Context, images: Tensor) -> Tensor:
    assert isinstance(net, RecurrentNet)
    rule = run.rule
    with autocast(images.device, run.precision):
        return settled_goodness(
            net, images, goodness=rule.goodness, counted=rule.counted, damping=rule.damping, updates=rule.updates
        )
