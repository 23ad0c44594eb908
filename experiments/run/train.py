"""One run after another: prepare, train, judge, report."""

import statistics
import sys
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path

from torch import nn
from tqdm import tqdm

from convff import (
    Checkpoint,
    DivergedError,
    Finding,
    LayerLocalNet,
    LinearReadout,
    LostProcessError,
    Processes,
    Trainer,
    TrainingWarning,
    keep_freed_memory,
    save_checkpoint,
    stop_if_diverged,
)
from experiments.config.command_line import check
from experiments.config.settings import Settings, SettingsError
from experiments.datasets import DataError
from experiments.run import figures
from experiments.run.evaluate import Evaluated, Evaluator, scores_as_json
from experiments.run.folder import MetricsFile, keep_own_files, new_file, new_folder, run_name, write_json
from experiments.run.parts import Parts, prepare
from experiments.run.results import Results, seed_summary
from experiments.run.tables import across_seeds, closing_table
from experiments.run.torchrun import device_named, leave, processes
from experiments.tools import machine
from experiments.tools.words import labels_in_words, rule_in_words

CURVE_CHECK = 500


EXIT_CODES: dict[type[Exception], int] = {DataError: 2, SettingsError: 2, DivergedError: 3, LostProcessError: 4}


def main(settings: Settings) -> list[Results]:
    """Run all seeds of the settings; on an error, exit with its code in `EXIT_CODES`."""
    keep_freed_memory()
    try:
        check(settings)
        with (
            processes(device_named(settings.device)) as group,
            warnings.catch_warnings(action="ignore", category=TrainingWarning),  # rank 0 prints them itself
        ):
            results = _all_seeds(settings, group)
    except tuple(EXIT_CODES) as error:
        print(f"error: {error}", file=sys.stderr)
        leave(next(code for kind, code in EXIT_CODES.items() if isinstance(error, kind)))
    if len(results) > 1:
        print(across_seeds(results))
        path = new_file(settings.out, f"{run_name(settings, seeds=True)}.json")
        write_json(path, seed_summary(results))
        print(f"  these means are in {path}")
    return results


def _all_seeds(settings: Settings, group: Processes) -> list[Results]:
    """Return the results of every seed in the process of rank 0; the other processes train with it and return none."""
    results: list[Results] = []
    dataset = None  # loaded for the first seed, and kept for the others
    for seed in range(settings.seed, settings.seed + settings.seeds):
        parts = prepare(replace(settings, seed=seed, seeds=1), dataset, group)
        dataset = parts.dataset
        if group.rank == 0:
            results.append(run(parts))
        else:
            train_along(parts)
    return results


def train_along(parts: Parts) -> None:
    """Do this process's share of a run that rank 0 writes and judges."""
    net = parts.new_net()
    for record in parts.new_trainer(net, _joint_readout(parts, net)).fit(parts.train):
        stop_if_diverged(record.epoch, record.metrics)


def _joint_readout(parts: Parts, net: LayerLocalNet) -> LinearReadout | None:
    """Return the readout of every position that is trained beside the blocks; None if the recipe has none."""
    evaluator = parts.evaluator()
    wanted = parts.recipe.joint_readout and "linear" in evaluator.evaluations
    return replace(evaluator.run, readout_grid=None).new_readout(net) if wanted else None


def run(parts: Parts) -> Results:
    """Train, judge and write the run folder; print the progress."""
    settings = parts.settings
    start = time.perf_counter()
    commit = machine.git_commit()  # before the training: the files may change meanwhile
    folder = new_folder(settings.out, run_name(settings))
    write_json(
        folder / "settings.json",
        {"settings": settings.as_json(), "recipe": asdict(parts.recipe), "labels": parts.labels.spec()},
    )
    _announce(parts, folder)

    net, evaluator = parts.new_net(), parts.evaluator()
    joint = _joint_readout(parts, net)
    trainer = parts.new_trainer(net, joint)
    metrics = MetricsFile(folder / "metrics.csv")
    beside = dict(trainer.step.modules) | ({} if joint is None else {"joint_readout": joint})
    checkpoint = folder / "checkpoint.safetensors"
    keep_own_files(settings, folder)
    findings = _train(
        parts, trainer, evaluator, metrics, lambda: save_checkpoint(checkpoint, _checkpoint(parts, net, beside))
    )
    trained = time.perf_counter()

    found = evaluator.everything(net, beside, parts.untrained)
    if found.readout is not None:
        beside["readout"] = found.readout
    save_checkpoint(checkpoint, _checkpoint(parts, net, beside))
    results = _results(parts, found, metrics, findings, trained - start, commit)
    results = replace(results, seconds=results.seconds | {"total": time.perf_counter() - start})
    write_json(folder / "results.json", asdict(results))
    labels = labels_in_words(results.labels, results.label_selection)
    rule = rule_in_words(results.rule, results.stabilise)
    title = f"{results.dataset}\nlabels {labels}, rule {rule}, preset {results.preset}"
    figures.draw_learning_curve(metrics.rows, folder / "figures" / "learning_curve.png", title=title)
    figures.draw_confusion_matrix(
        found.predicted, parts.judged, folder / "figures" / "confusion_matrix.png", title=title
    )
    print(closing_table(results))
    print(f"  {results.seconds['total']:.0f} s in all; everything is in {folder}")
    return results


def _announce(parts: Parts, folder: Path) -> None:
    settings, recipe = parts.settings, parts.recipe
    rule = rule_in_words(settings.rule, settings.stabilise)
    labels = labels_in_words(settings.label_name, recipe.label_selection)
    if parts.dataset.is_stand_in:
        print(f"\n*** {settings.dataset} was not found: using DRAWN STAND-IN images. {parts.dataset.source} ***\n")
    print(
        f"{parts.train.name}: {len(parts.train)} images to train on, {len(parts.judged)} to be judged by "
        f"({settings.evaluate_on}), from {parts.dataset.source}"
    )
    print(
        f"{recipe.model} {recipe.model_options}, labels {labels}, rule {rule}, "
        f"{recipe.epochs} epochs of batches of {recipe.batch_size}, {parts.precision} on {parts.device}"
        f"{f' in {parts.processes.size} processes' if parts.processes.size > 1 else ''}; run {folder}"
    )


def _train(
    parts: Parts, trainer: Trainer, evaluator: Evaluator, metrics: MetricsFile, save: Callable[[], None]
) -> list[Finding]:
    """Train with a progress bar, and a row, a checkpoint and a line per epoch; return signs of a wrong setting."""
    findings: list[Finding] = []
    watched = parts.validation.part(0, CURVE_CHECK)
    total = len(parts.train) * parts.recipe.epochs
    with tqdm(total=total, unit="image", disable=None, smoothing=0.05) as bar:
        for record in trainer.fit(parts.train, progress=bar.update):
            stop_if_diverged(record.epoch, record.metrics)
            save()
            validation = evaluator.of_epoch(trainer.net, trainer.step.modules, watched)
            row = metrics.add(record, validation)
            shown = [f"{name} {value:.3f}" for name, value in row.items() if name in SHOWN or name in validation]
            if "discrimination" in record.metrics:
                shown += [f"discrimination {' '.join(f'{share:.2f}' for share in record.metrics['discrimination'])}"]
            bar.write(f"epoch {record.epoch + 1}: {', '.join(shown)}, {record.images_per_second:.0f} images/s")
            findings += record.findings
            for finding in record.findings:
                bar.write(f"warning: {finding}")
    return findings


SHOWN = ("train_accuracy", "readout_loss")


def _results(
    parts: Parts,
    found: Evaluated,
    metrics: MetricsFile,
    findings: list[Finding],
    training_seconds: float,
    commit: str | None,
) -> Results:
    settings = parts.settings
    return Results(
        dataset=parts.judged.name,
        is_stand_in=parts.dataset.is_stand_in,
        judged_on=f"{len(parts.judged)} {settings.evaluate_on} images",
        labels=settings.label_name,
        label_selection=parts.recipe.label_selection,
        rule=settings.rule,
        stabilise=settings.stabilise,
        preset=settings.preset,
        seed=settings.seed,
        accuracy=found.accuracy,
        control=found.control,
        scores=scores_as_json(found),
        participation=found.participation,
        per_layer=found.per_layer,
        label_only_probe=found.label_only_probe,
        images_per_second=statistics.mean(row["images_per_second"] for row in metrics.rows),
        peak_memory_mib=machine.peak_memory_mib(parts.device),
        seconds={"training": training_seconds} | found.seconds,
        hardware=machine.hardware(parts.device),
        versions=machine.package_versions(),
        git_commit=commit,
        processes=parts.processes.size,
        net=settings.net,
        candidates=found.candidates,
        findings=tuple(findings),
    )


def _checkpoint(parts: Parts, net: LayerLocalNet, beside: Mapping[str, nn.Module]) -> Checkpoint:
    """Return the network, and everything that was trained or fitted beside it."""
    extra = {f"{name}.{key}": tensor for name, module in beside.items() for key, tensor in module.state_dict().items()}
    notes = {
        "labels": parts.labels.spec(),
        "image_shape": list(parts.train.shape),
        "class_names": list(parts.train.class_names),
        "dataset": parts.train.name,
        "readout": {"first": parts.evaluator().run.first_of(net), "grid": parts.recipe.readout_grid},
        "settings": parts.settings.as_json(),
    }
    return Checkpoint(parts.recipe.model, parts.input_shape, parts.model_options, net, extra, notes)
