"""One row of a table: measure its speed, train for its minutes, and judge. No run folder is written."""

import time
import warnings
from copy import deepcopy
from dataclasses import asdict, fields, replace
from typing import Any

from convff import EVALUATIONS, DivergedError, Finding, Trainer, TrainingWarning, stop_if_diverged
from experiments.config.ablation import Plan, Row
from experiments.config.overrides import Overrides
from experiments.config.settings import SettingsError
from experiments.datasets import load_dataset
from experiments.run.data import wanted_by
from experiments.run.parts import Parts, prepare
from experiments.run.torchrun import device_named
from experiments.tools import machine

WARM_UP = 5  # steps
MEASURED = 5.0  # seconds
LEAST_IMAGES = 2  # of a step


def passes(images_per_second: float, minutes: float, available: int) -> tuple[int, int]:
    """Return the number of epochs and of images per epoch for a training of the given minutes.

    There are as few epochs as the available images allow, all over the same images. So the learning rate ends its
    schedule when the minutes are over, and `--epochs` and `--train-images` repeat the training.

    Args:
        images_per_second: speed of the training.
        minutes: how long to train.
        available: number of training images.

    Returns:
        epochs, and images per epoch: the first ones.

    Example:
        >>> passes(700.0, 2, available=45_000), passes(800.0, 2, available=45_000)
        ((2, 42000), (3, 32000))
        >>> passes(10.0, 0.01, available=45_000)
        (1, 6)
    """
    images = max(LEAST_IMAGES, int(images_per_second * minutes * 60))
    epochs = -(-images // available)
    return epochs, max(LEAST_IMAGES, images // epochs)


def measured_speed(parts: Parts, seconds: float = MEASURED) -> float:
    """Return the images per second of a training like this one, measured by a short one with a throw-away network.

    An image counts once all blocks have learnt from it. The short training covers the whole schedule, from the full
    rate to the end of the cooldown: where blocks learn one after another, the cost of a step changes on the way.

    Args:
        parts: what to train with; neither its network nor its labels change.
        seconds: about how long to measure.
    """
    parts = replace(parts, recipe=replace(parts.recipe, epochs=1), labels=deepcopy(parts.labels))
    trainer = parts.new_trainer(parts.new_net(), None)
    every = range(trainer.stretches.total)  # an epoch for each stretch of blocks that learn at once
    of_each = [_speed(trainer, epoch, parts, seconds / len(every)) for epoch in every]
    return 1 / sum(1 / speed for speed in of_each)


def _speed(trainer: Trainer, epoch: int, parts: Parts, seconds: float) -> float:
    """Return the images per second of an epoch, each with all its steps, measured on some of the images."""
    images, size, repeats = len(parts.train), parts.recipe.batch_size, parts.recipe.repeats
    warm_up = parts.train.part(0, WARM_UP * size)
    trainer.epoch(warm_up, epoch)  # the first steps are slow, and compile if that is asked for
    record = trainer.epoch(warm_up, epoch)
    while record.seconds < seconds / 2:
        measured = min(images, max(2 * size, int(record.images_per_second / repeats * seconds)))
        record = trainer.epoch(parts.train.part(0, measured), epoch)
        if measured == images:
            break
    return record.images_per_second / repeats


def prepared(plan: Plan, rows: list[Row]) -> list[Parts]:
    """Return the parts of each row; all rows share one data set, which is loaded once.

    Raises:
        SettingsError: a row cannot be trained, or other images would judge it; the message names it.
        DataError: the data cannot be found.
    """
    base = plan.settings
    dataset = load_dataset(base.dataset, base.data_dir, require=base.require_data, wanted=wanted_by(base))
    dataset = replace(dataset, train=dataset.train.to(device_named(base.device)))  # once, not for every row
    found: list[Parts] = []
    for row in rows:
        try:
            parts = prepare(row.settings, dataset)
        except SettingsError as error:
            raise SettingsError(f'row "{row.name}": {error}') from error
        if found and split_of(parts) != split_of(found[0]):
            raise SettingsError(
                f'row "{row.name}": all rows must be judged by the same images, but this one would be by '
                f'{split_of(parts)}, and row "{rows[0].name}" by {split_of(found[0])}'
            )
        found.append(parts)
    return found


def split_of(parts: Parts) -> dict[str, Any]:
    """Return what all rows of a table share: the data, and the numbers of held-out and of judging images."""
    return {
        "dataset": parts.train.name,
        "is_stand_in": parts.dataset.is_stand_in,
        "held_out": len(parts.validation),
        "judged": len(parts.judged),
    }


def twins(rows: list[Row], parts: list[Parts]) -> list[tuple[str, str]]:
    """Return the pairs of rows that would do the same, by name: the earlier and the later one."""
    told: list[tuple[Any, str]] = []
    pairs = []
    for row, each in zip(rows, parts, strict=True):
        # Settings that are in the recipe need not be compared again.
        said: dict[str, Any] = {field.name: None for field in fields(Overrides)}
        said |= {"preset": "quick", "width": None, "label_scale": None}
        key = (each.recipe, replace(row.settings, **said))
        pairs += [(name, row.name) for other, name in told if other == key]
        told.append((key, row.name))
    return pairs


def trained_row(row: Row, parts: Parts, *, minutes: float, readout: bool) -> dict[str, Any]:
    """Train a row for its minutes and judge it.

    Args:
        row: the row.
        parts: its parts, from `prepared`.
        minutes: how long to train.
        readout: also judge by the linear readout, if the rule has one.

    Returns:
        the record of the row. Accuracies are in [0, 1], and None if the training diverged.
    """
    commit = machine.git_commit()  # before the training: the files may change meanwhile
    speed = measured_speed(parts, min(MEASURED, 60 * minutes))
    epochs, images = passes(speed, minutes, len(parts.train))
    parts = _with_passes(parts, epochs, images)
    return {
        "name": row.name,
        "about": row.about,
        "settings": row.changes,
        "recipe": asdict(parts.recipe),
        "epochs": epochs,
        "images_per_epoch": images,
        "measured_images_per_second": speed,
        **_trained_and_judged(parts, readout),
        "precision": parts.precision,
        "hardware": machine.hardware(parts.device),
        "versions": machine.package_versions(),
        "git_commit": commit,
    }


def _with_passes(parts: Parts, epochs: int, images: int) -> Parts:
    """Return the parts that `prepare` would make with `--epochs` and `--train-images`."""
    numbers: dict[str, Any] = {"epochs": epochs, "train_images": images}
    return replace(
        parts,
        settings=replace(parts.settings, **numbers),
        recipe=replace(parts.recipe, **numbers),
        train=parts.train.part(0, images),
    )


def _trained_and_judged(parts: Parts, readout: bool) -> dict[str, Any]:
    """Train a new network, and judge it by each evaluation in turn."""
    net, evaluator = parts.new_net(), parts.evaluator()
    evaluations = dict(evaluator.evaluations)
    name = next(iter(evaluations))
    if readout and "linear" in parts.rule.evaluations:
        evaluations["linear"] = EVALUATIONS["linear"]
    trainer = parts.new_trainer(net, None)
    findings: list[Finding] = []
    start = time.perf_counter()
    diverged = None
    try:
        with warnings.catch_warnings(action="ignore", category=TrainingWarning):  # they are recorded
            for record in (record for portion in parts.portions for record in trainer.fit(portion)):
                findings += record.findings
                stop_if_diverged(record.epoch, record.metrics, blocks=record.blocks)
    except DivergedError as error:  # a result like any other: go on with the next row
        diverged = str(error)
    seconds = time.perf_counter() - start
    scores = {
        each: replace(evaluator, evaluations={each: evaluations[each]}).own(net, trainer.step.modules)
        for each in ([] if diverged else evaluations)
    }
    return {
        "seconds": seconds,
        "images_per_second": len(parts.train) * parts.recipe.epochs / seconds,
        "evaluation": name,
        "accuracy": scores[name].value if name in scores else None,
        "per_block": dict(scores[name].per_block) if name in scores else {},
        "readout": scores["linear"].value if "linear" in scores else None,
        "diverged": diverged,
        "findings": [str(finding) for finding in findings],
    }
