"""The step of one block: normalise, activate, and ask the rule. All that a local rule does happens here."""

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from convff.contrasts import Layout
from convff.network import Block
from convff.rules.base import LocalRule, LocalUpdate, see
from convff.training.trainable_labels import input_grad

BlockStep = Callable[[Block, LocalRule, Tensor, Layout, Any, nn.Module | None, bool], tuple[Tensor, LocalUpdate]]


def block_step(
    block: Block,
    rule: LocalRule,
    h: Tensor,
    layout: Layout,
    state: Any,
    beside: nn.Module | None = None,
    labels_learn: bool = False,
) -> tuple[Tensor, LocalUpdate]:
    """Compute one block's part of a step; no parameter changes.

    Args:
        block: the block.
        rule: its rule.
        h: raw input `[N, ...]`.
        layout: what each of the N passes is.
        state: the rule's state for this block.
        beside: the module that learns beside the block's layer, if any.
        labels_learn: whether the update must hold a direction for the raw input; the rule must then be an `InputRule`.

    Returns:
        the block's activity, before pooling, and the update of its rule.
    """
    seen = see(block, rule, block.normalised(h, layout.stream), layout, beside)
    update = rule.direction(seen, state)
    if labels_learn:
        update = update._replace(input=input_grad(seen, rule, h))
    return seen.a, update
