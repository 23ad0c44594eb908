"""Steps in which only some blocks learn, and what they learn from: passes, or the outputs of blocks that stay."""

from contextlib import suppress
from typing import NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from convff.contrasts import Layout, Passes
from convff.data import Batch
from convff.machine.processes import Shard
from convff.network import Block, LayerLocalNet, Visit, evaluating
from convff.rules.base import Step, see
from convff.training.block_step import BlockInput, Normalised


class Prepared(NamedTuple):
    """What a step learns from; it may be used again as long as the same blocks learn.

    Args:
        passes: input of the network and its layout, of this process's share of the batch. If `block` is given, the
            input is empty.
        shard: the share.
        block: index of the only block that learns, if its own input is known.
        h: raw or normalised input of that block.
    """

    passes: Passes
    shard: Shard
    block: int | None = None
    h: BlockInput | None = None

    @property
    def bytes(self) -> int:
        """Size of what is kept of the block's input."""
        kept = self.h.x if isinstance(self.h, Normalised) else self.h
        return 0 if kept is None else kept.numel() * kept.element_size()


@runtime_checkable
class BlockwiseStep(Step, Protocol):
    """A step in which only some blocks may learn, and which can be repeated with the same passes.

    Attributes:
        learning: the blocks that learn. Those below only run forward, in evaluation mode; those above do not run.
    """

    learning: range

    def prepare(self, batch: Batch, generator: torch.Generator) -> Prepared:
        """Return what `learn` learns from: the passes, as far as they get through blocks that do not learn."""
        ...

    def learn(self, prepared: Prepared) -> dict[str, Tensor]:
        """Learn from it; return metrics `[learning blocks]` by name, on the device."""
        ...


def frozen_activity(block: Block, rule: object, h: Tensor, layout: Layout, beside: nn.Module | None) -> Tensor:
    """Return the activity of a block that does not learn: in evaluation mode, so batch norm uses running statistics.

    Args:
        block: the block.
        rule: its rule, which decides whether the activity before the ReLU is computed.
        h: raw input `[N, ...]`.
        layout: what each of the N passes is.
        beside: the module beside the block's layer, if any.

    Example:
        >>> from convff import ForwardForward, cnn6
        >>> block = next(iter(cnn6((1, 8, 8), widths=(4,))))
        >>> layout = Layout(torch.tensor([0]), passes=2)
        >>> frozen_activity(block, ForwardForward(), torch.rand(2, 1, 8, 8), layout, None).shape, block.training
        (torch.Size([2, 4, 8, 8]), True)
    """
    with evaluating(block):
        return see(block, rule, block.normalised(h, layout.stream), layout, beside).a


class _Arrived(Exception):  # noqa: N818 (no error)
    """A route has come to the block whose input is wanted."""


def raw_input(net: LayerLocalNet, inputs: Tensor, index: int, below: Visit) -> Tensor:
    """Return the raw input of a block, however the network is wired; the block itself does not run.

    Args:
        net: the network.
        inputs: input of the network `[N, ...]`.
        index: of the block.
        below: visits the blocks below it; see `LayerLocalNet.route`.

    Example:
        >>> from convff import cnn3
        >>> raw_input(cnn3((1, 8, 8), width=4, kernel=3), torch.rand(2, 1, 8, 8), 1, lambda i, block, h: block(h)).shape
        torch.Size([2, 4, 8, 8])
    """
    found: list[Tensor] = []

    def visit(number: int, block: Block, h: Tensor) -> Tensor:
        if number < index:
            return below(number, block, h)
        found.append(h)
        raise _Arrived

    with suppress(_Arrived):
        net.route(inputs, visit, stop=index + 1)
    return found[0]


def is_pure(norm: nn.Module) -> bool:
    """Return whether a norm keeps no statistics, so that normalising twice is the same as normalising once.

    A part of it that may give something else at every pass has an attribute `repeatable` that is false.

    Example:
        >>> from convff import LengthNorm
        >>> is_pure(LengthNorm()), is_pure(nn.BatchNorm2d(3, affine=False))
        (True, False)
    """
    repeatable = all(getattr(part, "repeatable", True) for part in norm.modules())
    return repeatable and not any(True for _ in norm.buffers())
