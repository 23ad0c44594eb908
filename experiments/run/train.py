"""One run after another: prepare, train, judge, report."""

import statistics
import sys
import warnings
from dataclasses import asdict, replace
from pathlib import Path

from torch import OutOfMemoryError

from convff import (
    CHECKPOINT,
    DivergedError,
    HybridContrast,
    LostProcessError,
    NoSpaceError,
    Processes,
    TrainingState,
    TrainingWarning,
    keep_freed_memory,
    save_checkpoint,
    stop_if_diverged,
)
from experiments.config.command_line import check
from experiments.config.settings import Settings, SettingsError
from experiments.datasets import DataError
from experiments.reports.of_run import report_run
from experiments.run import figures
from experiments.run.evaluate import Evaluated, scores_as_json
from experiments.run.finished import Finished
from experiments.run.folder import keep_own_files, new_file, new_folder, run_name, write_json
from experiments.run.own_figures import draw_own_figures
from experiments.run.parts import Parts, prepare
from experiments.run.predictions import keep_predictions
from experiments.run.results import Results, seed_summary
from experiments.run.resume import keep_results, resumed_settings, settings_file
from experiments.run.saved import SavedStates
from experiments.run.scalars import writer_class
from experiments.run.stopping import Interrupted, Signals
from experiments.run.tables import across_seeds, closing_table
from experiments.run.torchrun import device_named, leave, processes
from experiments.run.training import Training, checkpoint_of
from experiments.tools import machine
from experiments.tools.streams import escape_what_cannot_be_shown
from experiments.tools.words import labels_in_words, rule_in_words, schedule_in_words

EXIT_CODES: dict[type[Exception], int] = {
    DataError: 2,
    SettingsError: 2,
    DivergedError: 3,
    LostProcessError: 4,
    NoSpaceError: 5,
    OutOfMemoryError: 6,
}


def main(settings: Settings) -> list[Results]:
    """Run all seeds of the settings; on an error, exit with its code in `EXIT_CODES`, and after a signal as usual."""
    keep_freed_memory()
    escape_what_cannot_be_shown()  # now, not after the training
    try:
        if settings.resume is not None:
            settings = resumed_settings(settings)
        check(settings)
        if settings.tensorboard:
            writer_class()
        with (
            Signals() as signals,
            processes(device_named(settings.device)) as group,
            warnings.catch_warnings(action="ignore", category=TrainingWarning),  # rank 0 prints them itself
        ):
            results = _all_seeds(settings, group, signals)
    except tuple(EXIT_CODES) as error:
        print(f"error: {error}", file=sys.stderr)
        leave(next(code for kind, code in EXIT_CODES.items() if isinstance(error, kind)))
    except Interrupted as stop:
        print(stop, file=sys.stderr)
        leave(stop.exit_code)
    if len(results) > 1:
        print(across_seeds(results))
        path = new_file(settings.out, f"{run_name(settings, seeds=True)}.json")
        write_json(path, seed_summary(results))
        print(f"  these means are in {path}")
    return results


def _all_seeds(settings: Settings, group: Processes, signals: Signals) -> list[Results]:
    """Return the results of every seed in the process of rank 0; the other processes train with it and return none."""
    results: list[Results] = []
    dataset = None  # loaded for the first seed, and kept for the others
    for seed in range(settings.seed, settings.seed + settings.seeds):
        parts = prepare(replace(settings, seed=seed, seeds=1), dataset, group)
        dataset, state = parts.dataset, None
        if settings.resume is not None:
            state, problems = SavedStates(settings.resume).load()
            parts = replace(parts, precision=state.notes["precision"])  # "auto" may choose another one here
            for problem in problems if group.rank == 0 else []:
                print(f"note: {problem}; using the state before it")
        if group.rank == 0:
            results.append(run(parts, signals, state))
        else:
            train_along(parts, state)
    return results


def train_along(parts: Parts, state: TrainingState | None) -> None:
    """Do this process's share of a run that rank 0 writes and judges; from a state on, if the run is resumed."""
    net = parts.new_net()
    trainer = parts.new_trainer(net, parts.joint_readout(net))
    if state is not None:
        trainer.resume(state)
    portions = parts.portions
    first = 0 if state is None else state.notes.get("portion", 0)
    for portion in portions[first:]:
        for record in trainer.fit(portion):
            stop_if_diverged(record.epoch, record.metrics, blocks=record.blocks)


def run(parts: Parts, signals: Signals, state: TrainingState | None) -> Results:
    """Train, judge and write the run folder; print the progress.

    Args:
        parts: the parts of the run.
        signals: the handler of signals.
        state: of the training where the run is resumed; None for a new run.
    """
    settings = parts.settings
    commit = machine.git_commit()  # before the training: the files may change meanwhile
    folder = settings.resume or new_folder(settings.out, run_name(settings))
    net, evaluator = parts.new_net(), parts.evaluator()
    joint = parts.joint_readout(net)
    trainer = parts.new_trainer(net, joint)
    beside = dict(trainer.step.modules) | ({} if joint is None else {"joint_readout": joint})
    training = Training(parts, trainer, evaluator, beside, folder)
    if state is None:
        training.begin()  # before settings.json, so that every folder that has one can be resumed
    else:
        training.states.clean()
        training.resume(state)
        keep_results(folder)
    write_json(folder / "settings.json", settings_file(parts, training, commit))
    keep_own_files(settings, folder)
    _announce(parts, folder)
    if state is not None:
        print(f"resumed in {trainer.position}")
    training(signals)
    trained = training.seconds

    try:
        found = evaluator.everything(net, beside, parts.untrained)
    except Interrupted as stop:
        raise Interrupted(stop.number, f"after the training; judge it by --resume {folder}") from stop
    if found.readout is not None:
        beside["readout"] = found.readout
    beside |= found.fitted
    with signals.deferred():
        save_checkpoint(folder / CHECKPOINT, checkpoint_of(parts, net, beside))
        keep_predictions(found, parts.judged, folder)
        results = _results(parts, found, training, trained, commit)
        results = replace(results, seconds=results.seconds | {"total": training.seconds})
        write_json(folder / "results.json", asdict(results))
    labels = labels_in_words(results.labels, results.label_selection)
    rule = rule_in_words(results.rule, results.variant + results.stabilise, results.order)
    title = f"{results.dataset}\nlabels {labels}, rule {rule}, preset {results.preset}"
    rows = training.metrics.rows
    contrast = getattr(trainer.step, "contrast", None)
    decision = {"decision": "image over hybrid"} if isinstance(contrast, HybridContrast) else {}
    figures.draw_learning_curve(rows, folder / "figures" / "learning_curve.png", title=title, **decision)
    figures.draw_confusion_matrix(
        found.predicted, parts.judged, folder / "figures" / "confusion_matrix.png", title=title
    )
    draw_own_figures(Finished(parts, net, trainer.step, found.predicted, folder / "figures"))
    print(closing_table(results))
    if settings.report:
        report_run(folder, rule=parts.rule, labels=parts.labels)
    print(f"  {results.seconds['total']:.0f} s in all; everything is in {folder}")
    return results


def _announce(parts: Parts, folder: Path) -> None:
    settings, recipe = parts.settings, parts.recipe
    rule = rule_in_words(settings.rule, settings.variant + settings.stabilise)
    labels = labels_in_words(settings.label_name, recipe.label_selection)
    if parts.dataset.is_stand_in:
        print(f"\n*** {settings.dataset} was not found: using DRAWN STAND-IN images. {parts.dataset.source} ***\n")
    print(
        f"{parts.train.name}: {len(parts.train)} images to train on, {len(parts.judged)} to be judged by "
        f"({settings.evaluate_on}), from {parts.dataset.source}"
    )
    for note in parts.dataset.notes:
        print(f"  {note}")
    print(
        f"{recipe.model} {recipe.model_options}, labels {labels}, rule {rule}, "
        f"{schedule_in_words(recipe)}, {parts.precision} on {parts.device}"
        f"{f' in {parts.processes.size} processes' if parts.processes.size > 1 else ''}; run {folder}"
    )


def _results(
    parts: Parts,
    found: Evaluated,
    training: Training,
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
        variant=settings.variant,
        model=settings.model,
        preset=settings.preset,
        seed=settings.seed,
        accuracy=found.accuracy,
        control=found.control,
        scores=scores_as_json(found),
        participation=found.participation,
        per_layer=found.per_layer,
        label_only_probe=found.label_only_probe,
        images_per_second=statistics.mean(row["images_per_second"] for row in training.metrics.rows),
        peak_memory_mib=machine.peak_memory_mib(parts.device),
        seconds={"training": training_seconds} | found.seconds,
        hardware=machine.hardware(parts.device),
        versions=machine.package_versions(),
        git_commit=commit,
        processes=parts.processes.size,
        net=settings.net,
        candidates=found.candidates,
        order=parts.recipe.order,
        findings=tuple(training.findings),
        data=training.must_stay["data"],
        notes=parts.dataset.notes,
        excluded=parts.dataset.excluded,
    )
