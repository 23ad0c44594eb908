"""A block's pass, as it is or compiled: `torch.compile` fuses what lies between the convolutions."""

import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from convff.label_learning import input_grad
from convff.network import Block
from convff.rules.base import LocalRule, LocalUpdate

BlockPass = Callable[[Block, LocalRule, Tensor, int, Any, bool], tuple[Tensor, LocalUpdate]]


def block_pass(
    block: Block, rule: LocalRule, h: Tensor, passes: int, state: Any, labels_learn: bool = False
) -> tuple[Tensor, LocalUpdate]:
    """One block's part of a step: its output for the next block, and what its rule says.

    Args:
        block: the block.
        rule: its rule.
        h: raw input `[B*P, ...]`.
        passes: P.
        state: the rule's state for this block.
        labels_learn: whether the update is to hold a direction for the raw input; the rule is then an `InputRule`.
    """
    x = block.normalised(h)
    a = block.activity(x)
    g = rule.goodness(a).view(-1, passes)
    update = rule.direction(block, x, a, g, state)
    if labels_learn:
        update = update._replace(input=input_grad(block, rule, h, x, a, g))
    return block.pool(a), update


class CompiledBlockPass:
    """`block_pass` through `torch.compile`, for the shape that a block sees first; other shapes run as they are.

    Compiling takes some seconds a block, and on a CPU a C++ compiler. Where it fails, a warning says why and
    everything runs uncompiled.
    """

    def __init__(self) -> None:
        self._compiled: BlockPass = torch.compile(block_pass, dynamic=False)
        self._shapes: dict[int, torch.Size] = {}
        self._failed = False

    def __call__(
        self, block: Block, rule: LocalRule, h: Tensor, passes: int, state: Any, labels_learn: bool = False
    ) -> tuple[Tensor, LocalUpdate]:
        """See `block_pass`."""
        # A last, smaller batch is not worth compiling every block again.
        if self._failed or h.shape != self._shapes.setdefault(id(block), h.shape):
            return block_pass(block, rule, h, passes, state, labels_learn)
        try:
            with _room_for_blocks(len(self._shapes)):
                return self._compiled(block, rule, h, passes, state, labels_learn)
        except Exception as error:  # anything may go wrong in a compiler; none of it needs to end a training
            self._failed = True
            reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            warnings.warn(f"torch.compile failed, going on without it: {reason}", RuntimeWarning, stacklevel=2)
            return block_pass(block, rule, h, passes, state, labels_learn)


def _room_for_blocks(blocks: int) -> Any:
    """Every block is a variant of its own of the compiled function; by default only 8 are kept."""
    name = "recompile_limit" if hasattr(torch._dynamo.config, "recompile_limit") else "cache_size_limit"
    return torch._dynamo.config.patch({name: 8 + blocks})
