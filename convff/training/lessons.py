"""What each step learns from: a batch and its draws, and where they serve again, the outputs of blocks that stay."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from convff.data import Batch, Data
from convff.machine.precision import autocast
from convff.machine.processes import Processes
from convff.randomness import keyed_generator
from convff.rules.base import Step
from convff.training.augment import Augmentation
from convff.training.blockwise import BlockwiseStep, Prepared
from convff.training.order import Stretches

GIB = 2**30


class Lesson(NamedTuple):
    """What a step learns from.

    Args:
        batch: the whole batch, augmented.
        key: of the draws that make its passes.
        prepared: what the blocks that learn see of it, if it is used more than once.
    """

    batch: Batch
    key: tuple[int, int, int]
    prepared: Prepared | None = None

    def learn(self, step: Step) -> dict[str, Tensor]:
        """Take a step; return its metrics."""
        if self.prepared is not None and isinstance(step, BlockwiseStep):
            return step.learn(self.prepared)
        seed, draws, number = self.key
        return step(self.batch, keyed_generator(seed, "negatives", draws, number))


class Lessons:
    """Makes the lessons of a training; keeps what blocks that stay put out, up to a number of bytes.

    Args:
        seed: key of every draw.
        augment: changes each batch.
        precision: of the activities.
        kept_gib: GiB that may be kept on top of the current lesson; 0 for nothing.
    """

    def __init__(self, *, seed: int, augment: Augmentation, precision: str, kept_gib: float) -> None:
        self.seed, self.augment, self.precision, self.kept_gib = seed, augment, precision, kept_gib
        self._kept: dict[int, Prepared] = {}
        self._of: tuple[Data | None, range] = (None, range(0))

    def __call__(
        self, step: Step, data: Data, indices: Tensor, *, draws: int, number: int, again: bool = False
    ) -> Lesson:
        """Make the lesson of a batch.

        Args:
            step: what will learn from it.
            data: where the batch is from.
            indices: its images, int64 `[B]`.
            draws: number of the epoch whose draws it takes.
            number: of the batch in the epoch.
            again: whether it serves for several steps.
        """
        batch = data.batch(indices)
        batch = batch._replace(
            inputs=self.augment(batch.inputs, keyed_generator(self.seed, "augmentation", draws, number))
        )
        lesson = Lesson(batch, (self.seed, draws, number))
        if not isinstance(step, BlockwiseStep):
            return lesson
        kept = self.kept_gib > 0 and step.learning.start > 0
        if self._of != (data, step.learning):
            self._kept, self._of = {}, (data, step.learning)
        if not again and not kept:
            return lesson
        if number in self._kept:
            return lesson._replace(prepared=self._kept[number])
        prepared = self._prepared(step, lesson)
        if kept:
            self._kept[number] = prepared
        return lesson._replace(prepared=prepared)

    def refuse_too_large(
        self, step: Step, data: Data, stretches: Stretches, processes: Processes, batch_size: int
    ) -> None:
        """Raise if what would be kept of the data takes more memory than it may; nothing changes.

        Raises:
            ValueError: it does; the message says how much it would take.
        """
        if not self.kept_gib or not isinstance(step, BlockwiseStep):
            return
        learning = step.learning
        images, batches = math.ceil(len(data) / processes.size), math.ceil(len(data) / batch_size)
        for blocks in stretches.learning[1:]:
            step.learning = blocks
            of_2, of_4 = (self._bytes(step, data, count) for count in (2, 4))
            of_image = (of_4 - of_2) / 2
            of_batch = of_2 - 2 * of_image  # e.g. the rows of a label stream
            size = (of_image * images + of_batch * batches) / GIB
            if size > self.kept_gib:
                step.learning = learning
                raise ValueError(
                    f"the outputs below block {blocks.start + 1} must fit in cache_gib = {self.kept_gib:g} GiB, and "
                    f"those of {len(data)} images of {data.name} take {size:.3g} GiB"
                )
        step.learning = learning

    def _bytes(self, step: BlockwiseStep, data: Data, images: int) -> int:
        """Return what the outputs take that a batch of the first images would leave to be kept."""
        at = torch.arange(images) % len(data)
        return self._prepared(step, Lesson(data.batch(at), (self.seed, 0, 0))).bytes

    def _prepared(self, step: BlockwiseStep, lesson: Lesson) -> Prepared:
        seed, draws, number = lesson.key
        with autocast(lesson.batch.inputs.device, self.precision):
            return step.prepare(lesson.batch, keyed_generator(seed, "negatives", draws, number))
