"""Inference by groups of channels: one pass per image gives the goodness of every class."""

from collections.abc import Callable

import torch
from torch import Tensor

from convff.data import ImageData, as_floats
from convff.labelling import Labels
from convff.machine.precision import autocast
from convff.network import Block, LayerLocalNet, evaluating


@torch.no_grad()
def group_scores(net: LayerLocalNet, images: Tensor, labels: Labels, *, goodness: Callable[[Tensor], Tensor]) -> Tensor:
    """Goodness of every block for every class.

    The network is in evaluation mode for the call: batch norm uses its running statistics, so that an image's scores
    do not depend on the images beside it.

    Args:
        net: the network.
        images: float `[B, C, H, W]` in [0, 1].
        labels: makes the input that carries no label.
        goodness: of an activity `[N, ...]`, `[N, K]`, as the rule had it.

    Returns:
        float32 `[blocks, B, K]`.

    Example:
        >>> from convff import AtOutput, ForwardForward, cnn3
        >>> from labels import NoLabels
        >>> net, rule = cnn3((1, 8, 8), width=6, kernel=3), ForwardForward(label_at=AtOutput(3))
        >>> group_scores(net, torch.rand(2, 1, 8, 8), NoLabels(3), goodness=rule.goodness).shape
        torch.Size([3, 2, 3])
    """
    found: list[Tensor] = []

    def visit(index: int, block: Block, h: Tensor) -> Tensor:
        a: Tensor = block(h)
        found.append(goodness(a))
        return a

    with evaluating(net):
        net.route(labels.neutral(images), visit)
    return torch.stack(found)


def group_goodness_of(
    net: LayerLocalNet,
    data: ImageData,
    labels: Labels,
    *,
    goodness: Callable[[Tensor], Tensor],
    precision: str = "float32",
    batch_size: int = 400,
) -> Tensor:
    """`group_scores` of a whole image set, in batches.

    Args:
        net: the network.
        data: the images; their classes are not looked at.
        labels: makes the input that carries no label.
        goodness: of an activity `[N, ...]`, `[N, K]`, as the rule had it.
        precision: of the activities.
        batch_size: of images up to 32 x 32; fewer of larger ones.

    Returns:
        float32 `[blocks, N, K]`.
    """
    images = max(1, min(batch_size, 2**20 // data.images[0, 0].numel()))
    with autocast(data.images.device, precision):
        batches = [
            group_scores(net, as_floats(batch), labels, goodness=goodness) for batch in data.images.split(images)
        ]
    return torch.cat(batches, dim=1)
