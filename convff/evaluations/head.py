"""A head that was trained with the network."""

import torch
from torch import Tensor

from convff.data import ImageData, as_floats
from convff.evaluations.base import Context, Score, accuracy_of
from convff.machine.precision import autocast
from convff.network import LayerLocalNet, evaluating
from convff.rules.headed import head_scores


def judge_by_head(net: LayerLocalNet, run: Context, data: ImageData) -> Score:
    """Score the accuracy of module `head` of the run."""
    head = run.modules["head"]
    with torch.no_grad(), autocast(data.images.device, run.precision), evaluating(net), evaluating(head):
        batches = [head_scores(net, head, run.labels, as_floats(batch)) for batch in data.images.split(256)]
    scores = torch.cat(batches)
    predicted = scores.argmax(dim=1)
    return Score(value=accuracy_of(predicted, data.classes), predicted=predicted, scores=scores)


@torch.no_grad()
def scores_by_head(net: LayerLocalNet, run: Context, images: Tensor) -> Tensor:
    """Return the class scores `[B, K]` of module `head` of the run for float images `[B, C, H, W]`."""
    head = run.modules["head"]
    with autocast(images.device, run.precision), evaluating(net), evaluating(head):
        return head_scores(net, head, run.labels, images)
