"""Training: epochs over a data set, one step of every block per batch, one record per epoch."""

import math
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice

import torch
from torch import Tensor

from convff.contrasts import Contrast
from convff.data import Data, epoch_batches
from convff.inference.readout import LinearReadout
from convff.labelling import Labels
from convff.machine.precision import autocast
from convff.machine.processes import OneProcess, Processes
from convff.network import LayerLocalNet
from convff.rules.base import LocalRule, Setup, StartingRule, Step
from convff.schedule import Schedule
from convff.training.augment import Augmentation, unchanged
from convff.training.blockwise import BlockwiseStep
from convff.training.divergence import stop_if_not_finite
from convff.training.halving import explaining_memory
from convff.training.health import HealthCheck, TrainingWarning, weight_rms
from convff.training.lessons import Lesson, Lessons
from convff.training.local_step import start
from convff.training.order import TOGETHER, refuse_useless_cache, stretches_of
from convff.training.readout_beside import ReadoutBeside
from convff.training.records import EpochRecord
from convff.training.state import Position, TrainingState
from convff.training.sums import add_by_name
from convff.training.takeover import state_of, take_over

DEFAULT_SCHEDULE = Schedule()
CHECKED_EVERY = 50  # steps between two looks at the metrics, for which a GPU has to be waited for
Progress = Callable[[int], object]


def _ignore(images: int) -> None:
    """No-op: there is no progress bar."""


class Trainer:
    """Trains a network by a rule; without backpropagation, unless the rule is backpropagation.

    Args:
        net: the network; trained in place.
        labels: a label generator.
        rule: a `LocalRule`, or a `StartingRule` that brings a step of its own.
        schedule: epochs, batch size, optimiser and rate; the epochs of each block, if they learn one by one.
        contrast: makes the passes of each step; the rule's own if omitted. Where the label is in the image, that is a
            copy with the right label and one with a wrong label, drawn at random. See `convff.contrasts`.
        augment: changes each batch of images before it is labelled; see `convff.training.augment`.
        readout: trained beside the blocks if given (its loss never reaches them); it gives contrasts their scores.
        seed: key of every draw.
        precision: "float32" or "bfloat16" for the activities; weights and goodness stay in float32.
        processes: the processes that share each batch; this process alone if omitted. See `convff.machine.processes`.
        compiled: fuse the arithmetic of each block by `torch.compile`; worth it if training takes minutes.
        order: a name in `convff.training.order.ORDERS`. "together": all blocks learn in every step. "one_by_one": the
            schedule runs once for each block; the blocks below only run forward, those above do not run.
        redraw: draw order, augmentation and wrong labels anew in every epoch; if not, every epoch repeats the first.
        cache_gib: GiB that the outputs of finished blocks may take, so that they are computed once per block that
            learns on them; 0 to compute them at every step.

    Raises:
        ValueError: a rule that is not local, with several processes, trainable labels, a contrast, `compiled` or an
            order; a rule that needs the whole batch, with several processes; a network that the rule does not fit; an
            order that is unknown, or beside a stagger; a cache with draws that change, or of no finished block.

    Example:
        >>> from convff import ImageData, RULES, cnn3
        >>> from labels import FourierLabels
        >>> data = ImageData(torch.randint(256, (8, 1, 8, 8)).byte(), torch.arange(8) % 2, ("a", "b"), "noise")
        >>> trainer = Trainer(cnn3((1, 8, 8), width=4, kernel=3), FourierLabels(2, (8, 8)), RULES["hebbff"]())
        >>> [record.epoch for record in trainer.fit(data)]
        [0]
    """

    def __init__(
        self,
        net: LayerLocalNet,
        labels: Labels,
        rule: LocalRule | StartingRule,
        *,
        schedule: Schedule = DEFAULT_SCHEDULE,
        contrast: Contrast | None = None,
        augment: Augmentation = unchanged,
        readout: LinearReadout | None = None,
        seed: int = 0,
        precision: str = "float32",
        processes: Processes | None = None,
        compiled: bool = False,
        order: str = TOGETHER,
        redraw: bool = True,
        cache_gib: float = 0.0,
    ) -> None:
        self.processes = processes or OneProcess()
        self.processes.prepare(net)
        self.net = net.to(memory_format=torch.channels_last)
        self.schedule = schedule
        self.seed = seed
        self.precision = precision
        self.readout = readout
        self.order = order
        self.redraw = redraw
        self.beside = ReadoutBeside(readout, contrast, self.processes, order, precision)
        setup = Setup(
            net=net,
            labels=labels,
            schedule=schedule,
            contrast=contrast,
            scores=self.beside.scores,
            processes=self.processes,
            compiled=compiled,
            seed=seed,
        )
        self.step: Step = start(rule, setup)
        self.stretches = stretches_of(order, rule, self.step, net, schedule)
        refuse_useless_cache(cache_gib, order, redraw=redraw)
        self.lessons = Lessons(seed=seed, augment=augment, precision=precision, kept_gib=cache_gib)
        self.labels = labels
        self.position = Position()
        self.health: HealthCheck | None = None
        self._resumed = False

    def fit(self, data: Data, *, progress: Progress = _ignore) -> Iterator[EpochRecord]:
        """Train for all epochs of the schedule, once or for one block after another.

        Args:
            data: what to learn from, e.g. `ImageData`.
            progress: called after each step with the number of images it took; bars belong to the caller.
                `len(data) * stretches.total * schedule.repeats` in all.

        Yields:
            a record after each epoch.

        Raises:
            ValueError: data and labels differ in their number of classes, there are fewer than 2 images, or the outputs
                of finished blocks do not fit in `cache_gib`.
            DivergedError: a metric is not finite; looked at every `CHECKED_EVERY` steps.
            torch.OutOfMemoryError: a step does not fit in memory, not even in parts; see `convff.training.halving`.

        Warns:
            TrainingWarning: a layer is dead, its gates are saturated, or its weights grow without bound; once for
                each block and fault, after the epoch that showed it.
        """
        classes = self.labels.num_classes
        if data.num_classes != classes:
            raise ValueError(f"{data.name} has {data.num_classes} classes, but the labels are for {classes}")
        if len(data) < 2:
            raise ValueError(f"{data.name} has {len(data)} images to learn from, but a step needs at least 2")
        self.refuse_large_cache(data)
        if not self._resumed:
            self.position, self.health = Position(), None
        self._resumed = False
        if self.health is None:
            self.health = HealthCheck(weight_rms(self.net))
        for epoch in range(self.position.epoch, self.stretches.total):
            record = self.epoch(data, epoch, progress=progress)
            left = self.stretches.left(epoch)
            findings = self.health(epoch, record.metrics, record.first_half, left, blocks=record.blocks)
            for finding in findings:
                warnings.warn(str(finding), TrainingWarning, stacklevel=2)
            yield replace(record, findings=findings)

    def epoch(self, data: Data, epoch: int, *, progress: Progress = _ignore) -> EpochRecord:
        """Train for one epoch of the schedule, or for the rest of it if the training was resumed within it.

        Raises:
            DivergedError: a metric is not finite; looked at every `CHECKED_EVERY` steps.
        """
        at = self.position = self.position if self.position.epoch == epoch else Position(epoch)
        start = time.perf_counter() - at.seconds
        learning, repeats = self.stretches.blocks(epoch), self.schedule.repeats
        within, draws = self.stretches.within(epoch), epoch if self.redraw else 0
        steps = math.ceil(len(data) / self.schedule.batch_size) * repeats
        self.net.train()
        if isinstance(self.step, BlockwiseStep):
            self.step.learning = learning
        batches = epoch_batches(len(data), self.schedule.batch_size, seed=self.seed, epoch=draws)
        for number, batch in islice(enumerate(batches), at.step // repeats, None):
            with explaining_memory(len(batch), at.epoch, at.step):
                lesson = self.lessons(self.step, data, batch, draws=draws, number=number, again=repeats > 1)
            for _ in range(at.step % repeats, repeats):
                share = (within + at.step / steps) / self.schedule.epochs
                self.schedule.set_rates(self.step.optimizers, share)
                self.beside.set_rate(self.schedule, share)
                with explaining_memory(len(batch), at.epoch, at.step):
                    add_by_name(at.totals, self._step(lesson, learning))
                at.step += 1
                if at.step == max(1, steps // 2):
                    at.first_half = {name: total / at.step for name, total in at.totals.items()}
                if at.step % CHECKED_EVERY == 0 and self.processes.size == 1:
                    stop_if_not_finite(at.epoch, at.totals, at.step, learning)
                at.seconds = time.perf_counter() - start
                progress(len(batch))
        self.processes.start_sum([*at.totals.values(), *at.first_half.values()], 1.0)()
        means = {name: (total / at.step).tolist() for name, total in at.totals.items()}
        means["weight_rms"] = weight_rms(self.net)
        halfway = {name: mean.tolist() for name, mean in at.first_half.items()}
        seconds = time.perf_counter() - start
        self.position = Position(epoch + 1)
        return EpochRecord(epoch, means, len(data) * repeats / seconds, seconds, halfway, blocks=tuple(learning))

    def refuse_large_cache(self, data: Data) -> None:
        """Raise if the outputs of finished blocks do not fit in `cache_gib`.

        Raises:
            ValueError: they do not; the message says what they would take.
        """
        self.lessons.refuse_too_large(self.step, data, self.stretches, self.processes, self.schedule.batch_size)

    def state(self) -> TrainingState:
        """Return the state of the training, between two epochs or in a callback `progress`.

        With several processes, only between two epochs: within one, each process knows its part of the metrics.

        Raises:
            TypeError: the rule keeps a state that is not made of tensors, numbers and containers of them.
        """
        return state_of(self)

    def resume(self, state: TrainingState) -> None:
        """Take over a state: `fit` then goes on where it was taken, as if it had never been interrupted.

        The schedule may have more epochs than the interrupted training had, unless blocks learn one by one: the rate
        follows the new schedule from there on. Equal bits need the same data, settings, number of threads and
        processes.

        Args:
            state: of a trainer with the same network, labels, rule, readout, seed, batch size, order and draws.

        Raises:
            ValueError: the state is of another training.
        """
        take_over(self, state)
        self._resumed = True

    def _step(self, lesson: Lesson, learning: range) -> dict[str, Tensor]:
        reads = len(self.net) - 1 in learning  # a readout of blocks that are still to learn would be out of date
        if reads:
            self.beside.look(lesson.batch.inputs)
        with autocast(lesson.batch.inputs.device, self.precision):
            metrics = lesson.learn(self.step)
        return metrics | self.beside.learn(lesson.batch) if reads else metrics
