"""Training: epochs over a data set, one step of every block per batch, one record per epoch."""

import math
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
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
from convff.randomness import keyed_generator
from convff.rules.base import LocalRule, Setup, StartingRule, Step
from convff.schedule import Schedule
from convff.training.augment import Augmentation, unchanged
from convff.training.divergence import stop_if_not_finite
from convff.training.halving import is_out_of_memory
from convff.training.health import Finding, HealthCheck, TrainingWarning, weight_rms
from convff.training.local_step import start
from convff.training.state import Position, TrainingState
from convff.training.sums import add_by_name
from convff.training.takeover import state_of, take_over


@dataclass(frozen=True)
class EpochRecord:
    """The result of an epoch.

    Args:
        epoch: counted from 0.
        metrics: means over the epoch's steps by name, each with one entry per block (or one for the whole network);
            and `weight_rms`, the root mean square of each block's weights at the end.
        images_per_second: images, not passes, per second.
        seconds: duration of the epoch.
        first_half: means over the first half of the epoch's steps; compared with `metrics`, they show the trend.
        findings: faults that no earlier epoch of the training showed; see `convff.training.health`.
    """

    epoch: int
    metrics: dict[str, list[float]]
    images_per_second: float
    seconds: float
    first_half: dict[str, list[float]]
    findings: tuple[Finding, ...] = ()


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
        schedule: epochs, batch size, optimiser and rate.
        contrast: makes the passes of each step; the rule's own if omitted. Where the label is in the image, that is a
            copy with the right label and one with a wrong label, drawn at random. See `convff.contrasts`.
        augment: changes each batch of images before it is labelled; see `convff.training.augment`.
        readout: trained beside the blocks if given (its loss never reaches them); it gives contrasts their scores.
        seed: key of every draw.
        precision: "float32" or "bfloat16" for the activities; weights and goodness stay in float32.
        processes: the processes that share each batch; this process alone if omitted. See `convff.machine.processes`.
        compiled: fuse the arithmetic of each block by `torch.compile`; worth it if training takes minutes.

    Raises:
        ValueError: a rule that is not local, with several processes, trainable labels, a contrast or `compiled`; a
            rule that needs the whole batch, with several processes; a network that the rule does not fit.

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
    ) -> None:
        self.processes = processes or OneProcess()
        self.processes.prepare(net)
        self.net = net.to(memory_format=torch.channels_last)
        self.schedule = schedule
        self.seed = seed
        self.precision = precision
        self.augment = augment
        self.readout = readout
        setup = Setup(
            net=net,
            labels=labels,
            schedule=schedule,
            contrast=contrast,
            scores=readout,
            processes=self.processes,
            compiled=compiled,
            seed=seed,
        )
        self.step: Step = start(rule, setup)
        self.labels = labels
        self.position = Position()
        self.health: HealthCheck | None = None
        self._resumed = False

    def fit(self, data: Data, *, progress: Progress = _ignore) -> Iterator[EpochRecord]:
        """Train for all epochs of the schedule.

        Args:
            data: what to learn from, e.g. `ImageData`.
            progress: called after each step with the number of images it took; bars belong to the caller.

        Yields:
            a record after each epoch.

        Raises:
            ValueError: data and labels differ in their number of classes, or there are fewer than 2 images.
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
        if not self._resumed:
            self.position, self.health = Position(), None
        self._resumed = False
        if self.health is None:
            self.health = HealthCheck(weight_rms(self.net))
        for epoch in range(self.position.epoch, self.schedule.epochs):
            record = self.epoch(data, epoch, progress=progress)
            findings = self.health(epoch, record.metrics, record.first_half, self.schedule.epochs - epoch - 1)
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
        steps = math.ceil(len(data) / self.schedule.batch_size)
        self.net.train()
        batches = epoch_batches(len(data), self.schedule.batch_size, seed=self.seed, epoch=epoch)
        for batch in islice(batches, at.step, None):
            self._set_rate((epoch + at.step / steps) / self.schedule.epochs)
            add_by_name(at.totals, self._step(data, batch, epoch, at.step))
            at.step += 1
            if at.step == max(1, steps // 2):
                at.first_half = {name: total / at.step for name, total in at.totals.items()}
            if at.step % CHECKED_EVERY == 0 and self.processes.size == 1:
                stop_if_not_finite(at.epoch, at.totals, at.step)
            at.seconds = time.perf_counter() - start
            progress(len(batch))
        self.processes.start_sum([*at.totals.values(), *at.first_half.values()], 1.0)()
        means = {name: (total / at.step).tolist() for name, total in at.totals.items()}
        means["weight_rms"] = weight_rms(self.net)
        halfway = {name: mean.tolist() for name, mean in at.first_half.items()}
        seconds = time.perf_counter() - start
        self.position = Position(epoch + 1)
        return EpochRecord(epoch, means, len(data) / seconds, seconds, halfway)

    def state(self) -> TrainingState:
        """Return the state of the training, between two epochs or in a callback `progress`.

        With several processes, only between two epochs: within one, each process knows its part of the metrics.

        Raises:
            TypeError: the rule keeps a state that is not made of tensors, numbers and containers of them.
        """
        return state_of(self)

    def resume(self, state: TrainingState) -> None:
        """Take over a state: `fit` then goes on where it was taken, as if it had never been interrupted.

        The schedule may have more epochs than the interrupted training had: the rate follows the new schedule from
        there on. Equal bits need the same data, settings, number of threads and processes.

        Args:
            state: of a trainer with the same network, labels, rule, readout, seed and batch size.

        Raises:
            ValueError: the state is of another training.
        """
        take_over(self, state)
        self._resumed = True

    def _step(self, data: Data, indices: Tensor, epoch: int, step: int) -> dict[str, Tensor]:
        batch = data.batch(indices)
        draws = keyed_generator(self.seed, "augmentation", epoch, step)
        batch = batch._replace(inputs=self.augment(batch.inputs, draws))
        device = batch.inputs.device
        try:
            with autocast(device, self.precision):
                metrics = self.step(batch, keyed_generator(self.seed, "negatives", epoch, step))
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            raise torch.OutOfMemoryError(
                f"a step of {len(batch.targets)} images must fit in memory, and did not in epoch {epoch + 1}, step "
                f"{step + 1}: take a smaller batch size"
            ) from error
        if self.readout is not None:
            # Its own context: autocast caches the cast weights, which the blocks' step has just changed.
            with autocast(device, self.precision):
                metrics["readout_loss"] = self.readout.step(*batch, self.processes)
        return metrics

    def _set_rate(self, progress: float) -> None:
        for optimizer in self.step.optimizers:
            for group in optimizer.param_groups:
                rate = self.schedule.rate(progress, group.get("window", (0.0, 1.0)))
                group["lr"] = rate * group.get("factor", 1.0)
