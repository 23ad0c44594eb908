"""Inference by a rule's own scores: in one pass per image, every block scores every class."""

from typing import Protocol

import torch
from torch import Tensor, nn

from convff.data import Batch, ImageData, as_floats
from convff.labelling import Labels
from convff.machine.precision import autocast
from convff.network import Block, LayerLocalNet, evaluating
from convff.rules.base import Seen, contrast_of, see


class ScoringRule(Protocol):
    """A rule that scores every class in one pass."""

    def scores(self, seen: Seen) -> Tensor:
        """Return scores `[B, K]` of a block for B images."""
        ...


@torch.no_grad()
def block_scores(
    net: LayerLocalNet, images: Tensor, labels: Labels, rule: ScoringRule, beside: nn.ModuleList | None = None
) -> Tensor:
    """Return the scores of every block for every class.

    The network is in evaluation mode for the call: batch norm uses its running statistics, so that an image's scores
    do not depend on the images beside it.

    Args:
        net: the network.
        images: float `[B, C, H, W]` in [0, 1].
        labels: makes the input that carries no label, and the label images of a stream.
        rule: the rule that the network learnt by; its contrast makes the passes, one per image.
        beside: the modules that learnt beside the blocks, `modules["beside"]` of the step; None if there are none.

    Returns:
        float32 `[blocks, B, K]`.

    Example:
        >>> from convff import AtOutput, ForwardForward, cnn3
        >>> from labels import NoLabels
        >>> net, rule = cnn3((1, 8, 8), width=6, kernel=3), ForwardForward(label_at=AtOutput(3))
        >>> block_scores(net, torch.rand(2, 1, 8, 8), NoLabels(3), rule).shape
        torch.Size([3, 2, 3])
    """
    found: list[Tensor] = []
    classes = torch.zeros(images.shape[0], dtype=torch.int64, device=images.device)  # ignored
    inputs, layout = contrast_of(rule, labels)(Batch(images, classes), torch.Generator())

    def visit(index: int, block: Block, h: Tensor) -> Tensor:
        module = None if beside is None else beside[index]
        seen = see(block, rule, block.normalised(h, layout.stream), layout, module)
        exact = seen._replace(a=_exact(seen.a), z=None if seen.z is None else _exact(seen.z))
        found.append(rule.scores(exact))
        return seen.a

    with evaluating(net):
        net.route(inputs, visit)
    return torch.stack(found)


def _exact(a: Tensor) -> Tensor:
    """Return an activity in float32 or better: with sums in bfloat16 the two best classes often tie."""
    return a.to(torch.promote_types(a.dtype, torch.float32))


def block_scores_of(
    net: LayerLocalNet,
    data: ImageData,
    labels: Labels,
    rule: ScoringRule,
    beside: nn.ModuleList | None = None,
    *,
    precision: str = "float32",
    batch_size: int = 400,
) -> Tensor:
    """Return `block_scores` of a whole image set, in batches.

    Args:
        net: the network.
        data: the images; their classes are ignored.
        labels: makes the input that carries no label.
        rule: the rule that the network learnt by.
        beside: the modules that learnt beside the blocks; None if there are none.
        precision: precision of the activities.
        batch_size: for images up to 32 x 32; smaller for larger ones.

    Returns:
        float32 `[blocks, N, K]`.
    """
    images = max(1, min(batch_size, 2**20 // data.images[0, 0].numel()))
    with autocast(data.images.device, precision):
        batches = [block_scores(net, as_floats(batch), labels, rule, beside) for batch in data.images.split(images)]
    return torch.cat(batches, dim=1)
