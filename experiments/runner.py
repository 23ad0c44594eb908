"""One run after another: prepare, train, judge, report."""

import statistics
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

from tqdm import tqdm

from convff import Checkpoint, LinearReadout, Trainer, save_checkpoint
from experiments import figures, judge, report
from experiments.datasets import DataError
from experiments.judge import Judgement
from experiments.prepare import Parts, prepare
from experiments.report import Results
from experiments.settings import Settings, SettingsError, check

CURVE_CHECK = 500


def main(settings: Settings) -> list[Results]:
    """Run all seeds of the settings; exits with 2 and a message where they or the data cannot be used."""
    results = []
    try:
        for seed in seeds_of(check(settings)):
            results.append(run(prepare(replace(settings, seed=seed, seeds=1))))
    except (DataError, SettingsError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    if len(results) > 1:
        print(across_seeds(results))
    return results


def seeds_of(settings: Settings) -> range:
    """The seeds that the settings ask for."""
    return range(settings.seed, settings.seed + settings.seeds)


def run(parts: Parts) -> Results:
    """Train, judge and write the run folder; prints as it goes."""
    settings = parts.settings
    start = time.perf_counter()
    name = f"{settings.dataset}-{settings.labels}-{settings.rule}-{settings.preset}-seed{settings.seed}"
    folder = report.new_folder(settings.out, name)
    report.write_json(
        folder / "settings.json",
        {"settings": settings.as_json(), "recipe": asdict(parts.recipe), "labels": parts.labels.spec()},
    )
    _announce(parts, folder)

    net = parts.new_net()
    joint = parts.recipe.readout == "joint" and settings.inference != "goodness"
    readout = parts.new_readout(net)
    trainer = parts.new_trainer(net, readout if joint else None)
    metrics = report.MetricsFile(folder / "metrics.csv")
    _train(parts, trainer, metrics)
    trained = time.perf_counter()

    judgement = judge.everything(parts, trainer, readout, fit=not joint)
    results = _results(parts, judgement, metrics, trained - start)
    results = replace(results, seconds=results.seconds | {"total": time.perf_counter() - start})
    report.write_json(folder / "results.json", asdict(results))
    save_checkpoint(folder / "checkpoint.safetensors", _checkpoint(parts, trainer, readout))
    title = f"{results.dataset}\nlabels {results.labels}, rule {results.rule}, preset {results.preset}"
    figures.learning_curve(metrics.rows, folder / "figures" / "learning_curve.png", title=title)
    figures.confusion_matrix(
        judgement.predicted, parts.judged, folder / "figures" / "confusion_matrix.png", title=title
    )
    print(report.closing_table(results))
    print(f"  {results.seconds['total']:.0f} s in all; everything is in {folder}")
    return results


def _announce(parts: Parts, folder: Path) -> None:
    settings, recipe = parts.settings, parts.recipe
    if parts.dataset.is_stand_in:
        print(
            f"\n*** {settings.dataset} was not found: going on with DRAWN STAND-IN images. {parts.dataset.source} ***\n"
        )
    print(
        f"{parts.train.name}: {len(parts.train)} images to learn from, {len(parts.judged)} to be judged by "
        f"({settings.evaluate_on}), from {parts.dataset.source}"
    )
    print(
        f"{recipe.model} {recipe.model_options}, labels {settings.labels}, rule {settings.rule}, "
        f"{recipe.epochs} epochs of batches of {recipe.batch_size}, {parts.precision} on {parts.device}; run {folder}"
    )


def _train(parts: Parts, trainer: Trainer, metrics: report.MetricsFile) -> None:
    """Train, with a bar, a row and a line an epoch."""
    watched = parts.validation.part(0, CURVE_CHECK)
    total = len(parts.train) * parts.recipe.epochs
    with tqdm(total=total, unit="image", disable=None, smoothing=0.05) as bar:
        for record in trainer.fit(parts.train, progress=bar.update):
            validation = {}
            if parts.settings.rule != "bp":
                validation["validation_goodness_accuracy"] = judge.judge_goodness(parts, trainer.net, watched).accuracy
            row = metrics.add(record, validation)
            shown = [f"{name} {value:.3f}" for name, value in row.items() if name in SHOWN]
            shown += [f"discrimination {' '.join(f'{d:.2f}' for d in record.metrics.get('discrimination', []))}"]
            bar.write(f"epoch {record.epoch + 1}: {', '.join(shown)}, {record.images_per_second:.0f} images/s")


SHOWN = ("validation_goodness_accuracy", "train_accuracy", "readout_loss")


def _results(parts: Parts, judgement: Judgement, metrics: report.MetricsFile, training_seconds: float) -> Results:
    settings = parts.settings
    return Results(
        dataset=parts.judged.name,
        is_stand_in=parts.dataset.is_stand_in,
        judged_on=f"{len(parts.judged)} {settings.evaluate_on} images",
        labels=settings.labels,
        rule=settings.rule,
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
    )


def _checkpoint(parts: Parts, trainer: Trainer, readout: LinearReadout) -> Checkpoint:
    extra = {f"readout.{name}": tensor for name, tensor in readout.state_dict().items()}
    notes = {
        "labels": parts.labels.spec(),
        "image_shape": list(parts.train.shape),
        "class_names": list(parts.train.class_names),
        "dataset": parts.train.name,
        "readout": {"first": readout.first, "grid": readout.grid},
        "settings": parts.settings.as_json(),
    }
    recipe = parts.recipe
    return Checkpoint(recipe.model, parts.input_shape, recipe.model_options, trainer.net, extra, notes)


def across_seeds(results: list[Results]) -> str:
    """Mean and standard deviation (of the sample) of every accuracy over the seeds."""
    lines = [f"{len(results)} seeds, {results[0].seed} to {results[-1].seed}:"]
    for key, name in report.ACCURACIES:
        lines += _mean_line(name, [result.accuracy.get(key) for result in results])
    lines += _mean_line(report.CONTROL, [result.control["untrained_linear"] for result in results])
    return "\n".join(lines)


def _mean_line(name: str, measured: list[float | None]) -> list[str]:
    values = [value for value in measured if value is not None]
    if not values:
        return []
    return [f"  {name:46}{100 * statistics.mean(values):6.2f} ± {100 * statistics.stdev(values):.2f} %"]
