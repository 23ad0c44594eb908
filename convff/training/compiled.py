"""The step of a block through `torch.compile`, which fuses the operations between the convolutions."""

import warnings
from collections.abc import Callable
from types import FunctionType
from typing import Any

import torch
from torch import Tensor, nn

from convff.contrasts import Layout
from convff.network import Block
from convff.planar import WithPlanes
from convff.rules.base import LocalRule, LocalUpdate
from convff.training.block_step import BlockInput, BlockStep, block_step


class CompilationWarning(RuntimeWarning):
    """`torch.compile` failed; training continues without it."""


class CompiledBlockStep:
    """`block_step` through `torch.compile`, for the first shape that a block sees; other shapes run uncompiled.

    Compiling takes some seconds for each block and, on a CPU, a C++ compiler. If it fails, a warning says why and
    everything runs uncompiled.

    Args:
        backend: the backend of `torch.compile`.
    """

    def __init__(self, backend: str | Callable[..., Any] = "inductor") -> None:
        self._backend = backend
        self._compiled: dict[int, BlockStep] = {}
        self._shapes: dict[int, torch.Size] = {}
        self._failed = False

    def __call__(
        self,
        block: Block,
        rule: LocalRule,
        h: BlockInput,
        layout: Layout,
        state: Any,
        beside: nn.Module | None = None,
        labels_learn: bool = False,
    ) -> tuple[Tensor, LocalUpdate]:
        """See `block_step`."""
        # A last, smaller batch is not worth compiling every block again.
        # Images with planes are quick as they are, and a compiler would lay the planes out.
        if self._failed or isinstance(h, WithPlanes) or h.shape != self._shapes.setdefault(id(block), h.shape):
            return block_step(block, rule, h, layout, state, beside, labels_learn)
        try:
            if id(block) not in self._compiled:
                self._compiled[id(block)] = torch.compile(_another_block_step(), dynamic=False, backend=self._backend)
            return self._compiled[id(block)](block, rule, h, layout, state, beside, labels_learn)
        except Exception as error:  # a compiler may fail in any way; none should end a training
            self._failed = True
            reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            warnings.warn(f"torch.compile failed, going on without it: {reason}", CompilationWarning, stacklevel=2)
            return block_step(block, rule, h, layout, state, beside, labels_learn)


def _another_block_step() -> BlockStep:
    """Return a copy of `block_step`: torch.compile keeps at most 8 variants of a function, over all networks."""
    return FunctionType(block_step.__code__.replace(), block_step.__globals__, argdefs=block_step.__defaults__)
