"""The training of a run: its rows and lines, its checkpoints, and the states to go on from."""

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from threading import RLock
from typing import Any, NoReturn

from torch import nn
from tqdm import tqdm

from convff import (
    CHECKPOINT,
    Checkpoint,
    EpochRecord,
    Finding,
    LayerLocalNet,
    LinearReadout,
    Trainer,
    TrainingState,
    notes_for,
    require_space,
    save_checkpoint,
    stop_if_diverged,
    tensors_of,
    usual_activity_of,
    with_usual,
)
from experiments.config.recipe import completed
from experiments.config.settings import SettingsError
from experiments.datasets.fingerprint import fingerprint_of
from experiments.run.evaluate import Evaluator
from experiments.run.metrics import MetricsFile
from experiments.run.parts import Parts
from experiments.run.saved import SavedStates, refuse_other_run
from experiments.run.scalars import scalars
from experiments.run.stopping import Interrupted, Signals

# Its own lock is shared with forked processes: one that is killed while it holds the lock would stop all others.
tqdm.set_lock(RLock())

CURVE_CHECK = 500
SAVE_SECONDS = 300.0  # at most this much is lost by a kill within a long epoch
SHOWN = ("train_accuracy", "readout_loss")
SHOWN_BY_BLOCK = ("discrimination", "converged")
FILES = 4  # two states and two checkpoints, none larger than a state
FREE = ("epochs",)  # numbers of a recipe that a resumed run may change


@dataclass(eq=False)
class Training:
    """The training of a run, which can stop between any two steps and be resumed.

    Args:
        parts: the parts of the run.
        trainer: trains its network.
        evaluator: judges it after each epoch.
        beside: what is trained beside the network, by name.
        folder: the run folder.

    Attributes:
        metrics: the rows of the epochs that are done.
        labels_at_start: the labels before any training, as JSON.
        findings: signs of a wrong setting so far.
        earlier: seconds that the run took before it was last resumed.
        portion: index of the current part of the training images; see `Recipe.portions`.
    """

    parts: Parts
    trainer: Trainer
    evaluator: Evaluator
    beside: Mapping[str, nn.Module]
    folder: Path
    findings: list[Finding] = field(default_factory=list)
    earlier: float = 0.0

    def __post_init__(self) -> None:
        self.metrics = MetricsFile(self.folder / "metrics.csv")
        self.states = SavedStates(self.folder)
        self.started = self.saved = time.monotonic()
        self.labels_at_start: dict[str, Any] = json.loads(json.dumps(self.parts.labels.spec()))
        self.portion = 0
        self._of_run: dict[str, Any] = {}

    @property
    def net(self) -> LayerLocalNet:
        """The network."""
        return self.trainer.net

    @property
    def seconds(self) -> float:
        """Seconds that the run has taken in all."""
        return self.earlier + time.monotonic() - self.started

    def resume(self, state: TrainingState) -> None:
        """Go back to a state of the run.

        Raises:
            SettingsError: the state is of a run with other data or numbers.
        """
        notes = state.notes | {"recipe": completed(state.notes.get("recipe"), self.must_stay["recipe"])}
        refuse_other_run(notes, self.must_stay, self.folder)
        try:
            self.trainer.resume(state)
        except ValueError as error:
            raise SettingsError(f"--resume {self.folder}: {error}") from error
        if self.trainer.position.epoch > self.trainer.stretches.total:
            raise SettingsError(
                f"--epochs must be at least {self.trainer.position.epoch}, the epochs that {self.folder} has, "
                f"got {self.parts.recipe.epochs}"
            )
        self.portion = state.notes.get("portion", 0)
        self.metrics.go_back(self._first_epoch + self.trainer.position.epoch)
        self.findings = [Finding(**finding) for finding in state.notes["findings"]]
        self.earlier = state.notes["seconds"]

    def begin(self) -> None:
        """Save the state before the first step, and see that there is room for all files.

        Raises:
            NoSpaceError: there is not.
        """
        self.save()
        require_space(self.folder, FILES * self.states.last.stat().st_size)

    @property
    def _first_epoch(self) -> int:
        """Number of epochs of the earlier portions."""
        return self.portion * self.trainer.stretches.total

    def save(self) -> None:
        """Save the state of the training."""
        state = self.trainer.state()
        state.notes.update(self.must_stay)
        state.notes["portion"] = self.portion
        state.notes.update(findings=[asdict(finding) for finding in self.findings], seconds=self.seconds)
        self.states.save(state)
        self.saved = time.monotonic()

    @property
    def must_stay(self) -> dict[str, Any]:
        """What a resumed run must have in common with the earlier one, as JSON values; digests of the data among it."""
        if not self._of_run:
            recipe = {name: value for name, value in asdict(self.parts.recipe).items() if name not in FREE}
            self._of_run = {
                "data": fingerprint_of(self.parts.dataset),
                "labels": self.labels_at_start,
                "precision": self.parts.precision,
                "recipe": recipe,
            }
            self._of_run = json.loads(json.dumps(self._of_run))
        return self._of_run

    def __call__(self, signals: Signals) -> None:
        """Train to the end, with a progress bar, and a row, a line and files per epoch.

        Raises:
            Interrupted: a signal came; the state is saved.
            DivergedError: a metric is not finite; the state before is kept.
            NoSpaceError: the disk is full; the earlier files are whole.
        """
        at, portions, recipe = self.trainer.position, self.parts.portions, self.parts.recipe
        steps = self.trainer.stretches.total * recipe.repeats  # that each image is in
        done = sum(len(portion) for portion in portions[: self.portion]) * steps
        done += at.epoch * len(portions[self.portion]) * recipe.repeats + at.step * recipe.batch_size
        watched = self.parts.validation.part(0, CURVE_CHECK)
        total = len(self.parts.train) * steps
        with (
            scalars(self.folder, self.metrics.rows, wanted=self.parts.settings.tensorboard) as write,
            tqdm(total=total, initial=done, unit="image", disable=None, smoothing=0.05) as bar,
        ):

            def after_step(count: int) -> None:
                bar.update(count)
                if self.parts.processes.size == 1:  # several processes know their parts of the metrics alone
                    self._save_if_due(signals)

            with signals.deferred():
                for number in range(self.portion, len(portions)):
                    self.portion = number
                    for record in self.trainer.fit(portions[number], progress=after_step):
                        stop_if_diverged(record.epoch, record.metrics, blocks=record.blocks)
                        checkpoint = checkpoint_of(self.parts, self.net, self.beside)
                        save_checkpoint(self.folder / CHECKPOINT, checkpoint)
                        validation = self.evaluator.of_epoch(self.net, self.trainer.step.modules, watched)
                        self._end_epoch(self._counted_on(record), validation, checkpoint, bar)
                        write(self.metrics.rows[-1])
                        if signals.caught is not None:
                            self._stop(signals.caught)

    def _counted_on(self, record: EpochRecord) -> EpochRecord:
        """Return a record whose epochs are counted from the first portion on."""
        first = self._first_epoch
        findings = tuple(replace(finding, epoch=finding.epoch + first) for finding in record.findings)
        return replace(record, epoch=record.epoch + first, findings=findings)

    def _stop(self, signal: int) -> NoReturn:
        raise Interrupted(signal, f"in {self.trainer.position}; go on by --resume {self.folder}")

    def _save_if_due(self, signals: Signals) -> None:
        if signals.caught is not None:
            self.save()
            self._stop(signals.caught)
        if time.monotonic() - self.saved > SAVE_SECONDS:
            self.save()

    def _end_epoch(self, record: EpochRecord, validation: dict[str, float], checkpoint: Checkpoint, bar: Any) -> None:
        """Write the files of an epoch: the state last, because a resumed run begins with the rows that it knows."""
        best = max((row[name] for row in self.metrics.rows for name in validation), default=-1.0)
        if validation and max(validation.values()) > best:
            save_checkpoint(self.folder / "best.safetensors", checkpoint)
        row = self.metrics.add(record, validation)
        self.findings += record.findings
        self.save()
        shown = [f"{name} {value:.3f}" for name, value in row.items() if name in SHOWN or name in validation]
        for name in (name for name in SHOWN_BY_BLOCK if name in record.metrics):
            shown.append(f"{name} {' '.join(f'{share:.2f}' for share in record.metrics[name])}")
        shown.append(f"{record.images_per_second:.0f} images/s")
        bar.write(f"epoch {record.epoch + 1}: {', '.join(shown)}")
        for finding in record.findings:
            bar.write(f"warning: {finding}")


def checkpoint_of(parts: Parts, net: LayerLocalNet, beside: Mapping[str, nn.Module]) -> Checkpoint:
    """Return the network, and everything that was trained or fitted beside it.

    Args:
        parts: the parts of the run.
        net: the network.
        beside: the modules beside it, by name.
    """
    extra, evaluator = tensors_of(beside), parts.evaluator()
    notes = {
        "labels": parts.labels.spec(),
        "image_shape": list(parts.train.shape),
        "class_names": list(parts.train.class_names),
        "dataset": parts.train.name,
        "readout": {
            "first": evaluator.run.first_of(net),
            "grid": parts.recipe.readout_grid,
            "normalised": parts.recipe.readout_normalised,
        },
        "settings": parts.settings.as_json(),
        "classifier": notes_for(evaluator.run, evaluator.evaluations, beside),
    }
    if isinstance(readout := beside.get("readout"), LinearReadout):
        extra |= with_usual(usual_activity_of(readout, parts.train))
    return Checkpoint(parts.recipe.model, parts.input_shape, parts.model_options, net, extra, notes)
