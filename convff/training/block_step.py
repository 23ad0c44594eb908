"""One block learns: normalise, activate, score, gate, direction. All that a local rule does happens here."""

from collections.abc import Callable
from typing import Any

from torch import Tensor

from convff.network import Block
from convff.rules.base import LocalRule, LocalUpdate
from convff.training.trainable_labels import input_grad

BlockStep = Callable[[Block, LocalRule, Tensor, int, Any, bool], tuple[Tensor, LocalUpdate]]


def block_step(
    block: Block, rule: LocalRule, h: Tensor, passes: int, state: Any, labels_learn: bool = False
) -> tuple[Tensor, LocalUpdate]:
    """Compute one block's part of a step; no parameter changes.

    Args:
        block: the block.
        rule: its rule.
        h: raw input `[B*P, ...]`.
        passes: P.
        state: the rule's state for this block.
        labels_learn: whether the update shall hold a direction for the raw input; the rule is then an `InputRule`.

    Returns:
        the block's activity, before pooling, and what its rule says.
    """
    x = block.normalised(h)
    a = block.activity(x)
    g = rule.goodness(a).view(-1, passes)
    update = rule.direction(block, x, a, g, state)
    if labels_learn:
        update = update._replace(input=input_grad(block, rule, h, x, a, g))
    return a, update
