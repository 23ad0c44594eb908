"""Inference by settling: a recurrent network tries every label, and the one it settles best under is chosen."""

import torch
from torch import Tensor

from convff.data import ImageData, as_floats
from convff.evaluations.base import Context, Score, score_of_blocks
from convff.machine.precision import autocast
from convff.network import LayerLocalNet, evaluating
from convff.recurrent.goodness import averaged_goodness, settled_goodness
from convff.recurrent.network import RecurrentNet
from convff.recurrent.settling import Settling

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


@torch.no_grad()
def traced_scores_by_settling(net: LayerLocalNet, run: Context, images: Tensor) -> Tensor:
    """Return the scores of `scores_by_settling` by tensor operations alone; see `Evaluation.traced`."""
    assert isinstance(net, RecurrentNet)
    rule, labels = run.rule, torch.arange(net.classes, device=images.device).expand(images.shape[0], -1)
    with evaluating(net):
        settling = Settling(net, images, labels, damping=rule.damping, updates=rule.updates)
        by_layer = averaged_goodness(settling, rule.goodness, rule.counted).view(len(net), -1, net.classes)
    return by_layer[run.first_scored_of(net) :].sum(dim=0)


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
