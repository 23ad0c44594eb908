"""A block's step in parts, for a batch whose step does not fit in memory: the same update, and less memory.

The norm sees the whole batch; what is large is done for a part of the images at a time. The direction of a batch is the
sum (or the mean) of the directions of its images, so the parts add up to it, but for rounding.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from convff.contrasts import Layout
from convff.network import Block
from convff.planar import WithPlanes
from convff.rules.base import LocalRule, LocalUpdate, see
from convff.training.block_step import BlockInput, BlockStep, layer_input
from convff.training.sums import add_by_name
from convff.training.trainable_labels import input_grad

MOST_PARTS = 2**5


class MemoryWarning(RuntimeWarning):
    """A step did not fit in memory; it is taken in parts from now on, with the same update."""


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error says that memory ran out: on a GPU, or for PyTorch or Python on a CPU.

    Example:
        >>> is_out_of_memory(torch.OutOfMemoryError("no")), is_out_of_memory(RuntimeError("shapes differ"))
        (True, False)
    """
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    text = str(error)
    return isinstance(error, RuntimeError) and ("allocate memory" in text or "not enough memory" in text)


@contextmanager
def explaining_memory(images: int, epoch: int, step: int) -> Iterator[None]:
    """Say what to do if memory runs out within a `with` block.

    Args:
        images: images of the step.
        epoch: its epoch, counted from 0.
        step: its number in the epoch, counted from 0.

    Raises:
        torch.OutOfMemoryError: memory ran out.

    Example:
        >>> with explaining_memory(64, 0, 0):
        ...     raise MemoryError
        Traceback (most recent call last):
        ...
        torch.OutOfMemoryError: a step of 64 images must fit in memory, and did not in epoch 1, step 1: take a smaller
        batch size
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        raise torch.OutOfMemoryError(
            f"a step of {images} images must fit in memory, and did not in epoch {epoch + 1}, step {step + 1}: take a "
            "smaller batch size"
        ) from error


class HalvingStep:
    """A block step that is taken in two parts once memory runs out, then in four, and so on up to 32.

    Rules whose direction is no sum over images (`needs_whole_batch`) or that keep a state cannot be cut: for them, and
    if 32 parts do not fit, the error is raised.

    Args:
        step: the step of a whole batch.

    Attributes:
        parts: number of parts, 1 until memory runs out.
    """

    def __init__(self, step: BlockStep) -> None:
        self.step = step
        self.parts = 1

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
        """See `block_step`.

        Warns:
            MemoryWarning: memory ran out, and the step is taken in more parts.
        """
        if self.parts == 1:
            statistics = {name: buffer.clone() for name, buffer in block.norm.named_buffers()}
            try:
                return self.step(block, rule, h, layout, state, beside, labels_learn)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error) or not _can_be_cut(rule, state):
                    raise
                reason = str(error)
            for name, buffer in block.norm.named_buffers():
                buffer.copy_(statistics[name])  # the failed step may have averaged the batch into them
            self._halve(len(layout.targets), reason)
        x = layer_input(block, h, layout)
        while True:
            try:
                return self._in_parts(block, rule, h, x, layout, state, beside, labels_learn)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error) or 2 * self.parts > min(MOST_PARTS, len(layout.targets)):
                    raise
                reason = str(error)
            self._halve(len(layout.targets), reason)

    def _halve(self, images: int, reason: str) -> None:
        self.parts *= 2
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        first = reason.strip().splitlines()[0] if reason.strip() else "out of memory"
        message = f"a step of {images} images does not fit in memory; it is taken in {self.parts} parts from now on"
        warnings.warn(f"{message} ({first})", MemoryWarning, stacklevel=4)

    def _in_parts(
        self,
        block: Block,
        rule: LocalRule,
        h: BlockInput,
        x: Tensor,
        layout: Layout,
        state: Any,
        beside: nn.Module | None,
        labels_learn: bool,
    ) -> tuple[Tensor, LocalUpdate]:
        images = len(layout.targets)
        found: list[Tensor] = []
        inputs: list[Tensor] = []
        total: dict[str, Tensor] = {}
        metrics: dict[str, Tensor] = {}
        for chosen in torch.arange(images).chunk(self.parts):
            rows = slice(int(chosen[0]), int(chosen[-1]) + 1)
            share = len(chosen) / images
            weight = share if rule.batch_reduction == "mean" else 1.0
            part = layout._replace(
                targets=layout.targets[rows], labels=None if layout.labels is None else layout.labels[rows]
            )
            seen = see(block, rule, _rows(x, layout, rows), part, beside)
            update = rule.direction(seen, state)
            add_by_name(total, {name: weight * direction for name, direction in update.dense(block.layer).items()})
            add_by_name(metrics, {name: share * metric for name, metric in update.metrics.items()})
            if labels_learn:
                assert isinstance(h, Tensor)
                inputs.append(input_grad(seen, rule, _rows(h, layout, rows)) * weight)
            found.append(seen.a[: len(chosen) * layout.passes])
            of_stream = seen.a[len(chosen) * layout.passes :]
        input_direction = torch.cat(inputs) if inputs else None
        return torch.cat([*found, of_stream]), LocalUpdate((total,), state, metrics, input_direction)


def _can_be_cut(rule: LocalRule, state: Any) -> bool:
    return _is_empty(state) and not getattr(rule, "needs_whole_batch", False)


def _is_empty(state: Any) -> bool:
    """Return whether a rule, and all rules that it wraps, keep nothing."""
    return state is None or (isinstance(state, tuple | list) and all(map(_is_empty, state)))


def _rows(values: Tensor, layout: Layout, images: slice) -> Tensor:
    """Return the passes of some images, and the stream, of `[N, ...]`."""
    if isinstance(values, WithPlanes):
        return values.part(images)
    passes = layout.by_image(values)[images].flatten(0, 1)
    return torch.cat([passes, layout.of_stream(values)]) if layout.stream else passes
