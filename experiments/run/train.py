"""One run after another: prepare, train, judge, report."""

import math
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
    EpochRecord,
    Finding,
    LayerLocalNet,
    LinearReadout,
    Trainer,
    TrainingWarning,
    save_checkpoint,
)
from convff.machine.allocator import keep_freed_memory
from convff.machine.processes import LostProcessError, Processes
from convff.rules.bp import BackpropStep
from experiments import figures
from experiments.config.settings import Settings, SettingsError, check, labels_in_words, rule_in_words
from experiments.datasets import DataError
from experiments.run import evaluate as judge
from experiments.run import results as report
from experiments.run.devices import device_named
from experiments.run.evaluate import Judgement
from experiments.run.parts import Parts, prepare
from experiments.run.results import Results
from experiments.run.torchrun import leave, processes

CURVE_CHECK = 500


class DivergedError(ArithmeticError):
    """Training went to infinity; the message names the figure, the block, the epoch and a remedy."""


EXIT_CODES: dict[type[Exception], int] = {DataError: 2, SettingsError: 2, DivergedError: 3, LostProcessError: 4}


def main(settings: Settings) -> list[Results]:
    """Run all seeds of the settings; exits as `EXIT_CODES` says where something is wrong."""
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
        path = report.new_file(settings.out, f"{run_name(settings, seeds=True)}.json")
        report.write_json(path, report.seed_summary(results))
        print(f"  these means are in {path}")
    return results


def _all_seeds(settings: Settings, group: Processes) -> list[Results]:
    """The results of every seed, in the process of rank 0; the other processes train with it and have none."""
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
        stop_if_diverged(record)


def _joint_readout(parts: Parts, net: LayerLocalNet) -> LinearReadout | None:
    """The readout that is trained beside the blocks, where the recipe wants one."""
    wanted = parts.recipe.joint_readout and parts.settings.inference != "goodness"
    return parts.new_readout(net, every_position=True) if wanted else None


def run(parts: Parts) -> Results:
    """Train, judge and write the run folder; prints as it goes."""
    settings = parts.settings
    start = time.perf_counter()
    commit = report.git_commit()  # before the training: the files may change meanwhile
    folder = report.new_folder(settings.out, run_name(settings))
    report.write_json(
        folder / "settings.json",
        {"settings": settings.as_json(), "recipe": asdict(parts.recipe), "labels": parts.labels.spec()},
    )
    _announce(parts, folder)

    net = parts.new_net()
    joint = _joint_readout(parts, net)
    trainer = parts.new_trainer(net, joint)
    metrics = report.MetricsFile(folder / "metrics.csv")
    head = trainer.step.head if isinstance(trainer.step, BackpropStep) else None
    modules = {"head": head, "joint_readout": joint}
    checkpoint = folder / "checkpoint.safetensors"
    findings = _train(parts, trainer, metrics, lambda: save_checkpoint(checkpoint, _checkpoint(parts, net, modules)))
    trained = time.perf_counter()

    judgement = judge.everything(parts, net, head, joint)
    save_checkpoint(checkpoint, _checkpoint(parts, net, modules | {"readout": judgement.readout}))
    results = _results(parts, judgement, metrics, findings, trained - start, commit)
    results = replace(results, seconds=results.seconds | {"total": time.perf_counter() - start})
    report.write_json(folder / "results.json", asdict(results))
    labels = labels_in_words(results.labels, results.label_selection)
    rule = rule_in_words(results.rule, results.stabilise)
    title = f"{results.dataset}\nlabels {labels}, rule {rule}, preset {results.preset}"
    figures.learning_curve(metrics.rows, folder / "figures" / "learning_curve.png", title=title)
    figures.confusion_matrix(
        judgement.predicted, parts.judged, folder / "figures" / "confusion_matrix.png", title=title
    )
    print(report.closing_table(results))
    print(f"  {results.seconds['total']:.0f} s in all; everything is in {folder}")
    return results


def run_name(settings: Settings, *, seeds: bool = False) -> str:
    """What a run is called, or all the runs of its seeds together.

    Example:
        >>> run_name(Settings()), run_name(Settings(seeds=3), seeds=True)
        ('cifar10-fourier-ff-quick-seed0', 'cifar10-fourier-ff-quick-seeds0-2')
    """
    network = settings.labels if settings.net is None else settings.net
    seed = f"seeds{settings.seed}-{settings.seed + settings.seeds - 1}" if seeds else f"seed{settings.seed}"
    return f"{settings.dataset}-{network}-{settings.rule}-{settings.preset}-{seed}"


def _announce(parts: Parts, folder: Path) -> None:
    settings, recipe = parts.settings, parts.recipe
    rule = rule_in_words(settings.rule, settings.stabilise)
    labels = labels_in_words(settings.labels, settings.label_selection)
    if parts.dataset.is_stand_in:
        print(
            f"\n*** {settings.dataset} was not found: going on with DRAWN STAND-IN images. {parts.dataset.source} ***\n"
        )
    print(
        f"{parts.train.name}: {len(parts.train)} images to learn from, {len(parts.judged)} to be judged by "
        f"({settings.evaluate_on}), from {parts.dataset.source}"
    )
    print(
        f"{recipe.model} {recipe.model_options}, labels {labels}, rule {rule}, "
        f"{recipe.epochs} epochs of batches of {recipe.batch_size}, {parts.precision} on {parts.device}"
        f"{f' in {parts.processes.size} processes' if parts.processes.size > 1 else ''}; run {folder}"
    )


def _train(parts: Parts, trainer: Trainer, metrics: report.MetricsFile, save: Callable[[], None]) -> list[Finding]:
    """Train, with a bar, a row, a checkpoint and a line an epoch; returns the signs of a wrong setting, a line each."""
    findings: list[Finding] = []
    watched = parts.validation.part(0, CURVE_CHECK)
    total = len(parts.train) * parts.recipe.epochs
    with tqdm(total=total, unit="image", disable=None, smoothing=0.05) as bar:
        for record in trainer.fit(parts.train, progress=bar.update):
            stop_if_diverged(record)
            save()
            validation = {}
            if parts.settings.rule != "bp":
                validation["validation_goodness_accuracy"] = judge.judge_goodness(parts, trainer.net, watched).accuracy
            row = metrics.add(record, validation)
            shown = [f"{name} {value:.3f}" for name, value in row.items() if name in SHOWN]
            if "discrimination" in record.metrics:
                shown += [f"discrimination {' '.join(f'{share:.2f}' for share in record.metrics['discrimination'])}"]
            bar.write(f"epoch {record.epoch + 1}: {', '.join(shown)}, {record.images_per_second:.0f} images/s")
            findings += record.findings
            for finding in record.findings:
                bar.write(f"warning: {finding}")
    return findings


def stop_if_diverged(record: EpochRecord) -> None:
    """Raise `DivergedError` where a metric of the epoch is not a number."""
    for name, values in record.metrics.items():
        for block, value in enumerate(values, start=1):
            if not math.isfinite(value):
                raise DivergedError(
                    f"{name} of block {block} is {value} in epoch {record.epoch + 1}: training diverged; "
                    "try a smaller --lr, or another --gate or --scale"
                )


SHOWN = ("validation_goodness_accuracy", "train_accuracy", "readout_loss")


def _results(
    parts: Parts,
    judgement: Judgement,
    metrics: report.MetricsFile,
    findings: list[Finding],
    training_seconds: float,
    commit: str | None,
) -> Results:
    settings = parts.settings
    return Results(
        dataset=parts.judged.name,
        is_stand_in=parts.dataset.is_stand_in,
        judged_on=f"{len(parts.judged)} {settings.evaluate_on} images",
        labels=settings.labels,
        label_selection=settings.label_selection,
        rule=settings.rule,
        stabilise=settings.stabilise,
        preset=settings.preset,
        seed=settings.seed,
        accuracy=judgement.accuracy,
        control=judgement.control,
        per_layer=judgement.per_layer,
        label_only_probe=judgement.label_only_probe,
        images_per_second=statistics.mean(row["images_per_second"] for row in metrics.rows),
        peak_memory_mib=report.peak_memory_mib(parts.device),
        seconds={"training": training_seconds} | judgement.seconds,
        hardware=report.hardware(parts.device),
        versions=report.package_versions(),
        git_commit=commit,
        processes=parts.processes.size,
        net=settings.net,
        candidates=judgement.candidates,
        findings=tuple(findings),
    )


def _checkpoint(parts: Parts, net: LayerLocalNet, modules: Mapping[str, nn.Module | None]) -> Checkpoint:
    """The network, and what was trained or fitted beside it."""
    extra = {
        f"{name}.{key}": tensor
        for name, module in modules.items()
        if module is not None
        for key, tensor in module.state_dict().items()
    }
    notes = {
        "labels": parts.labels.spec(),
        "image_shape": list(parts.train.shape),
        "class_names": list(parts.train.class_names),
        "dataset": parts.train.name,
        "readout": {"first": parts.first_block(net), "grid": parts.recipe.readout_grid},
        "settings": parts.settings.as_json(),
    }
    return Checkpoint(parts.recipe.model, parts.input_shape, parts.model_options, net, extra, notes)


def across_seeds(results: list[Results]) -> str:
    """Mean and standard deviation (of the sample) of every accuracy over the seeds."""
    lines = [f"{len(results)} seeds, {results[0].seed} to {results[-1].seed}:"]
    names = dict(report.ACCURACIES) | {"untrained_linear": report.CONTROL}
    for key, found in report.seed_summary(results)["accuracy"].items():
        mean, deviation = 100 * found["mean"], 100 * found["standard_deviation"]
        lines.append(f"  {names[key]:{report.NAME_WIDTH}}{mean:6.2f} ± {deviation:.2f} %")
    return "\n".join(lines)
