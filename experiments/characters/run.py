"""Runs: strings, a training per regime, results, report and figure; one run folder per seed."""

import json
import statistics
import sys
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import torch

from convff import (
    DivergedError,
    NoSpaceError,
    fastest_precision,
    keep_freed_memory,
    write_atomically,
)
from experiments.characters.figure import draw_perplexities
from experiments.characters.refusals import check
from experiments.characters.report import generated_text, ngram_perplexities, regime_table, report
from experiments.characters.settings import (
    MAY_CHANGE,
    NextCharacter,
    Recipe,
    recipe_of,
    settings_from_json,
)
from experiments.characters.strings import Corpus, corpus_of
from experiments.characters.training import RegimeTraining
from experiments.config.ranges import option
from experiments.config.settings import SettingsError
from experiments.datasets import DataError
from experiments.datasets.text import load_text
from experiments.run.folder import new_file, new_folder, write_json
from experiments.run.stopping import Interrupted, Signals
from experiments.run.torchrun import device_named
from experiments.tools import machine
from experiments.tools.streams import escape_what_cannot_be_shown

EXIT_CODES: dict[type[Exception], int] = {
    DataError: 2,
    SettingsError: 2,
    DivergedError: 3,
    NoSpaceError: 5,
    torch.OutOfMemoryError: 6,
}


def main(asked: NextCharacter) -> list[dict[str, Any]]:
    """Run all seeds; on an error, exit with its code in `EXIT_CODES`, and after a signal as usual."""
    escape_what_cannot_be_shown()  # now, not after the training
    keep_freed_memory()
    try:
        settings = asked if asked.resume is None else resumed_settings(asked)
        check(settings)
        with Signals() as signals:
            results = [
                run(replace(settings, seed=seed, seeds=1), signals)
                for seed in range(settings.seed, settings.seed + settings.seeds)
            ]
    except tuple(EXIT_CODES) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(next(code for kind, code in EXIT_CODES.items() if isinstance(error, kind)))
    except Interrupted as stop:
        print(stop, file=sys.stderr)
        sys.exit(stop.exit_code)
    if len(results) > 1:
        path = new_file(settings.out, f"{run_name(settings, seeds=True)}.json")
        write_json(path, over_seeds(results))
        print(f"\nmean over {len(results)} seeds\n{regime_table(results)}\n  these means are in {path}")
    return results


def run_name(settings: NextCharacter, *, seeds: bool = False) -> str:
    """Return the name of a run, or of the runs of all seeds together.

    Example:
        >>> run_name(NextCharacter()), run_name(NextCharacter(negatives=("teacher",), seeds=3), seeds=True)
        ('all-quick-seed0', 'teacher-quick-seeds0-2')
    """
    seed = f"seeds{settings.seed}-{settings.seed + settings.seeds - 1}" if seeds else f"seed{settings.seed}"
    return f"{'-'.join(settings.negatives)}-{settings.preset}-{seed}"


def resumed_settings(asked: NextCharacter) -> NextCharacter:
    """Return the settings of the run that `asked.resume` names, with what may change as it is asked for.

    Raises:
        SettingsError: the folder holds no run of next characters, or another option is given.
    """
    folder = asked.resume
    assert folder is not None
    default = NextCharacter()
    given = [each.name for each in fields(asked) if getattr(asked, each.name) != getattr(default, each.name)]
    if besides := [option(name) for name in given if name not in (*MAY_CHANGE, "resume")]:
        allowed = ", ".join(map(option, MAY_CHANGE))
        raise SettingsError(
            f"--resume takes the settings of the run, so {', '.join(besides)} cannot be given; allowed: {allowed}"
        )
    try:
        saved = json.loads((folder / "settings.json").read_text(encoding="utf-8"))["settings"]
    except (KeyError, TypeError, ValueError, OSError) as error:
        raise SettingsError(f"--resume must name the folder of a run, with its settings.json, got {folder}") from error
    changed = {name: getattr(asked, name) for name in given if name in MAY_CHANGE}
    return replace(settings_from_json(saved), **changed, seeds=1, resume=folder)


def run(settings: NextCharacter, signals: Signals) -> dict[str, Any]:
    """Train by each regime, judge, and write the run folder; return the content of `results.json`."""
    recipe, device = recipe_of(settings), device_named(settings.device)
    text = load_text(settings.data_dir, settings.text, require=settings.require_data, titles=settings.titles)
    corpus = corpus_of(text, recipe, settings.strings)
    precision = fastest_precision(device) if settings.precision == "auto" else settings.precision
    folder = settings.resume or new_folder(settings.out, run_name(settings))
    if settings.resume is not None:
        precision = json.loads((folder / "settings.json").read_text(encoding="utf-8")).get("precision", precision)
    trainings = {
        regime: RegimeTraining(
            regime, corpus, recipe, seed=settings.seed, precision=precision, device=device, folder=folder / regime
        )
        for regime in settings.regimes
    }
    for training in trainings.values():
        training.begin()  # which may refuse: nothing of the folder has changed until here
    if settings.resume is not None:
        _keep_results(folder, recipe.updates)
    about = {"settings": settings.as_json(), "recipe": asdict(recipe), "precision": precision}
    write_json(folder / "settings.json", about)
    ngrams = ngram_perplexities(corpus, recipe.window)
    _announce(corpus, recipe, ngrams, f"{precision} on {device}; run {folder}")
    lasts, rows, texts = {}, {}, {}
    for regime in settings.regimes:
        training = trainings.pop(regime)  # and then its memory is free
        lasts[regime] = training(signals)
        rows[regime] = training.metrics.rows
        texts[regime] = generated_text(training.net, corpus, seed=settings.seed, temperature=recipe.temperature)
    results = {
        "source": corpus.source,
        "is_stand_in": corpus.is_stand_in,
        "text": corpus.sha256,
        "train_strings": len(corpus.train),
        "held_out_strings": len(corpus.held_out),
        "preset": settings.preset,
        "seed": settings.seed,
        "widths": recipe.widths,
        "updates": recipe.updates,
        "precision": precision,
        "regimes": lasts,
        "ngrams": ngrams,
        "hardware": machine.hardware(device),
        "peak_memory_mib": machine.peak_memory_mib(device),
        "versions": machine.package_versions(),
        "git_commit": machine.git_commit(),
    }
    with signals.deferred():
        write_json(folder / "results.json", results)
        write_atomically(folder / "report.md", report(results, texts).encode())
        draw_perplexities(rows, ngrams, folder / "figures" / "figure5.png")
    print(f"\n{regime_table([results])}")
    for name, strings in texts.items():
        print(f"\n{name} writes: {strings[0]}")
    print(f"\n  everything is in {folder}")
    return results


def _keep_results(folder: Path, updates: int) -> None:
    """Give results of another number of updates names of their own: `results-N-updates.json`, likewise the report."""
    path = folder / "results.json"
    earlier = json.loads(path.read_text(encoding="utf-8"))["updates"] if path.exists() else updates
    if earlier != updates:
        for kept in (path, folder / "report.md"):
            kept.rename(kept.with_stem(f"{kept.stem}-{earlier}-updates"))


def _announce(corpus: Corpus, recipe: Recipe, ngrams: dict[str, dict[str, float]], where: str) -> None:
    if corpus.is_stand_in:
        print("\n*** Aesop's fables were not found: using a STAND-IN, fables retold for this package. ***\n")
    predictions = corpus.train[:, recipe.window :].numel()
    print(
        f"{corpus.source}: {len(corpus.train)} strings, {predictions:,} predictions per update; "
        f"{len(corpus.held_out)} held out"
    )
    print(f"{' x '.join(map(str, recipe.widths))} units, {recipe.updates} updates, {where}")
    counted = (f"{name} {values['train']:.2f} / {values['held_out']:.2f}" for name, values in ngrams.items())
    print(f"counted, training / held-out perplexity: {', '.join(counted)}", flush=True)


def over_seeds(results: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what runs have in common, and mean, standard deviation and values of their measures by regime.

    Example:
        >>> results = [{"seed": n, "preset": "quick", "regimes": {"teacher": {"perplexity": 7.0 + n}}} for n in (0, 1)]
        >>> over_seeds(results)["regimes"]["teacher"]["perplexity"]["mean"]
        7.5
    """
    first = results[0]
    regimes: dict[str, dict[str, Any]] = {}
    for name, last in first["regimes"].items():
        regimes[name] = {}
        for measure in last:
            values = [each["regimes"][name][measure] for each in results]
            spread = {"mean": statistics.mean(values), "standard_deviation": statistics.stdev(values)}
            regimes[name][measure] = spread | {"values": values}
    common = {name: value for name, value in first.items() if name not in ("seed", "regimes", "peak_memory_mib")}
    return common | {"seeds": [each["seed"] for each in results], "regimes": regimes}
