"""The step of one block: normalise, activate, and ask the rule. All that a local rule does happens here."""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from convff.contrasts import Layout
from convff.network import Block
from convff.rules.base import LocalRule, LocalUpdate, see
from convff.training.trainable_labels import input_grad


class Normalised(NamedTuple):
    """The normalised input of a block, for steps that are repeated with the same passes.

    Args:
        x: what `Block.normalised` returned, `[N, ...]`.
    """

    x: Tensor

    @property
    def shape(self) -> torch.Size:
        """The shape of the input."""
        return self.x.shape


BlockInput = Tensor | Normalised
BlockStep = Callable[[Block, LocalRule, BlockInput, Layout, Any, nn.Module | None, bool], tuple[Tensor, LocalUpdate]]


def layer_input(block: Block, h: BlockInput, layout: Layout) -> Tensor:
    """Return the normalised input of a block; see `Block.normalised`.

    Example:
        >>> from convff import LengthNorm
        >>> x = torch.tensor([[3.0, 3.0]])
        >>> layer_input(Block(LengthNorm(), nn.Linear(2, 1)), x, Layout(torch.tensor([0]))).round(decimals=3)
        tensor([[1., 1.]])
    """
    return h.x if isinstance(h, Normalised) else block.normalised(h, layout.stream)


def block_step(
    block: Block,
    rule: LocalRule,
    h: BlockInput,
    layout: Layout,
    state: Any,
    beside: nn.Module | None = None,
    labels_learn: bool = False,
) -> tuple[Tensor, LocalUpdate]:
    """Compute one block's part of a step; no parameter changes.

    Args:
        block: the block.
        rule: its rule.
        h: raw input `[N, ...]`, or the normalised one, unless labels learn.
        layout: what each of the N passes is.
        state: the rule's state for this block.
        beside: the module that learns beside the block's layer, if any.
        labels_learn: whether the update must hold a direction for the raw input; the rule must then be an `InputRule`.

    Returns:
        the block's activity, before pooling, and the update of its rule.
    """
    seen = see(block, rule, layer_input(block, h, layout), layout, beside)
    update = rule.direction(seen, state)
    if labels_learn:
        assert isinstance(h, Tensor)
        update = update._replace(input=input_grad(seen, rule, h))
    return seen.a, update
