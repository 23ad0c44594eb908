"""The figures of runs, and the paper's figures 3 and 5 from finished runs. No display is needed.

Example: `python experiments/figures.py runs/* --out figures`. It writes, as PNG and PDF:

- `layers-RUN`: loss and discrimination of every block against epochs, and the accuracy (the paper's figures 3c, 3d);
- `discrimination-DATASET`: the discrimination of several runs side by side (figures 5a, 5b);
- `steps-DATASET`: accuracy on held-out images against steps, several runs in one panel;
- `confusion-RUN`: the confusion matrix (figure 3b), from the run's checkpoint and its data;
- `filters-DATASET`: accuracy against filters a layer (figure 3a), where runs differ in `--width`.
"""

import statistics
import sys
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING

import tyro

from experiments.config.settings import SettingsError, rule_in_words
from experiments.run.folder import FinishedRun, load_runs, read_run
from experiments.tools import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from torch import Tensor

    from convff import ImageData
    from experiments.run.folder import TrainedRun

CURVES = (
    ("validation_goodness_accuracy", "accuracy by goodness,\nheld-out images"),
    ("train_accuracy", "accuracy, training images"),
)
ACCURACIES = {"goodness": "goodness", "linear": "readout", "head": "head"}


def learning_curve(rows: list[dict[str, float]], path: Path, *, title: str) -> None:
    """Discrimination of every block and accuracy on held-out images, against epochs.

    Args:
        rows: the rows of `metrics.csv`, one an epoch.
        path: the PNG to write, with a PDF beside it; its folder is made.
        title: what the data are called.
    """
    with style.new_figure(path, width=style.PAGE, height=3.2) as figure:
        axes = figure.add_subplot()
        blocks = {
            name.rpartition("_")[2]: [row[name] for row in rows]
            for name in rows[0]
            if name.startswith("discrimination_")
        }
        _draw_blocks(axes, blocks, "right over wrong label, block {}")
        _draw_accuracy(axes, rows)
        axes.set(xlabel="epoch", ylabel="share right", ylim=(0, 1.02), title=title)
        figure.legend(loc="outside right upper")


def confusion_counts(predicted: "Tensor", right: "Tensor", num_classes: int) -> "Tensor":
    """How often each class (row) was taken for each (column): int64 `[K, K]`.

    Example:
        >>> import torch
        >>> confusion_counts(torch.tensor([1, 1]), torch.tensor([0, 1]), 2)
        tensor([[0, 1],
                [0, 1]])
    """
    pairs = right * num_classes + predicted
    return pairs.bincount(minlength=num_classes**2).view(num_classes, num_classes)


def confusion_matrix(predicted: "Tensor", data: "ImageData", path: Path, *, title: str) -> None:
    """Predicted against right classes, in per cent of the images of each right class.

    Args:
        predicted: predicted classes `[N]`.
        data: the images' right classes and names.
        path: the PNG to write, with a PDF beside it; its folder is made.
        title: what the data are called.
    """
    counts = confusion_counts(predicted.cpu(), data.classes.cpu(), data.num_classes).double()
    shares = 100 * counts / counts.sum(dim=1, keepdim=True).clamp_min(1)
    size = max(4.2, min(16.0, 1.5 + 0.32 * data.num_classes))
    small = data.num_classes <= 20
    with style.new_figure(path, width=size, height=0.9 * size) as figure:
        axes = figure.add_subplot()
        picture = axes.imshow(shares, cmap="Blues", vmin=0, vmax=100)
        ticks = range(data.num_classes)
        axes.set_xticks(ticks, data.class_names, rotation=90, fontsize=7 if small else 4)
        axes.set_yticks(ticks, data.class_names, fontsize=7 if small else 4)
        axes.set(xlabel="predicted class", ylabel="right class", title=title)
        axes.grid(False)
        if small:
            for row in ticks:
                for column in ticks:
                    share = float(shares[row, column])
                    color = "white" if share > 55 else style.INK
                    text = f"{share:.0f}" if share == 0 or share >= 0.95 else f"{share:.1f}".removeprefix("0")
                    axes.text(column, row, text, ha="center", va="center", fontsize=6, color=color)
        figure.colorbar(picture, ax=axes, shrink=0.7, label="% of the right class")


def layers(run: FinishedRun, path: Path) -> None:
    """Loss and discrimination of every block against epochs (figures 3c and 3d of Scodellaro et al. 2025).

    The paper's green line of a combined loss is not there: blocks that learn on their own have none.
    """
    with style.new_figure(path, width=style.PAGE, height=2.6) as figure:
        left, right = figure.subplots(1, 2)
        losses = run.by_block("loss") or {"": [row["loss"] for row in run.rows if "loss" in row]}
        _draw_blocks(left, losses, "block {}" if run.by_block("loss") else "loss")
        left.set(xlabel="epoch", ylabel="loss, training images", ylim=(0, None))
        _draw_blocks(right, run.by_block("discrimination"), "block {}", labelled=False)
        _draw_accuracy(right, run.rows)
        right.set(xlabel="epoch", ylabel="share right", ylim=(0, 1.02))
        figure.suptitle(_title(run), fontsize=8)
        figure.legend(loc="outside right upper")


def discrimination(runs: list[FinishedRun], path: Path) -> None:
    """Discrimination of every block, one panel a run (figures 5a and 5b of Scodellaro et al. 2025)."""
    columns = min(3, len(runs))
    rows = -(-len(runs) // columns)
    with style.new_figure(path, width=style.PAGE, height=0.5 + 2.0 * rows) as figure:
        panels = list(figure.subplots(rows, columns, sharey=True, squeeze=False).flat)
        for axes, run in zip(panels, runs, strict=False):
            _draw_blocks(axes, run.by_block("discrimination"), "block {}", labelled=axes is panels[0])
            axes.axhline(0.5, color=style.INK, linewidth=0.6, linestyle=":")
            axes.set(xlabel="epoch", title=run.method, ylim=(0.45, 1.01))
        for axes in panels[len(runs) :]:
            axes.remove()
        figure.supylabel("right label over wrong one", fontsize=8)
        figure.suptitle(f"{runs[0].results['dataset']}, training images", fontsize=8)
        figure.legend(loc="outside right upper")


def accuracy_against_steps(runs: list[FinishedRun], path: Path) -> None:
    """Accuracy by goodness on held-out images against steps: how fast rules and optimisers learn."""
    with style.new_figure(path, width=style.PAGE, height=2.8) as figure:
        axes = figure.add_subplot()
        for index, run in enumerate(runs):
            steps = [row["epoch"] * steps_an_epoch(run) for row in run.rows]
            accuracy = [100 * row["validation_goodness_accuracy"] for row in run.rows]
            colour, marker = style.COLOURS[index % 7], style.MARKERS[index % 7]
            axes.plot(steps, accuracy, label=optimiser_in_words(run), color=colour, marker=marker)
        axes.set(xlabel=f"steps of {runs[0].recipe['batch_size']} images", ylim=(0, None), xlim=(0, None))
        axes.set(ylabel="accuracy by goodness,\nheld-out images, %", title=runs[0].results["dataset"])
        figure.legend(loc="outside right upper")


def steps_an_epoch(run: FinishedRun) -> int:
    """How many steps a run took in an epoch."""
    row = run.rows[0]
    batch_size: int = run.recipe["batch_size"]
    return ceil(round(row["images_per_second"] * row["seconds"]) / batch_size)


def optimiser_in_words(run: FinishedRun) -> str:
    """Labels, rule and optimiser of a run, with rate and momentum."""
    recipe = run.recipe
    momentum = f", momentum {recipe['momentum']:g}" if recipe["momentum"] else ""
    return f"{run.method}\n{recipe['optimizer']} {recipe['lr']:g}{momentum}"


def accuracy_against_filters(runs: list[FinishedRun], path: Path) -> bool:
    """Accuracy against filters a layer, mean and standard deviation over seeds (figure 3a of Scodellaro et al. 2025).

    Returns:
        whether there was anything to draw: a method with runs of different widths.
    """
    measured = _by_filters(runs)
    if not any(len(points) > 1 for points in measured.values()):
        return False
    with style.new_figure(path, width=style.COLUMN, height=2.8) as figure:
        axes = figure.add_subplot()
        for index, (method, points) in enumerate(sorted(measured.items())):
            widths = sorted(points)
            means = [100 * statistics.mean(points[width]) for width in widths]
            spread = [100 * statistics.stdev(points[width]) if len(points[width]) > 1 else 0.0 for width in widths]
            colour, marker = style.COLOURS[index % 7], style.MARKERS[index % 7]
            axes.errorbar(widths, means, spread, label=method, color=colour, marker=marker, capsize=2)
        axes.set_xscale("log", base=2)
        every = sorted({width for points in measured.values() for width in points})
        axes.set_xticks(every, [str(width) for width in every])
        axes.minorticks_off()
        axes.set(xlabel="filters of the first layer", ylabel="accuracy, %", title=runs[0].results["dataset"])
        axes.legend()
    return True


def filters(run: FinishedRun) -> int | None:
    """Filters (or units) of a run's first layer; None where its model's own default was used."""
    options = run.recipe["model_options"]
    width = options.get("width") or (options.get("widths") or (None,))[0]
    return None if width is None else int(width)


def _by_filters(runs: list[FinishedRun]) -> dict[str, dict[int, list[float]]]:
    measured: dict[str, dict[int, list[float]]] = {}
    for run in runs:
        width = filters(run)
        for key, name in ACCURACIES.items():
            value = run.results["accuracy"].get(key)
            if width is not None and value is not None:
                measured.setdefault(f"{run.method}, {name}", {}).setdefault(width, []).append(value)
    return measured


def _draw_blocks(axes: "Axes", blocks: dict[str, list[float]], label: str, *, labelled: bool = True) -> None:
    from matplotlib.ticker import MaxNLocator

    for index, (block, values) in enumerate(blocks.items()):
        axes.plot(
            range(1, len(values) + 1),
            values,
            color=style.COLOURS[index % 7],
            marker=style.MARKERS[index % 7],
            label=label.format(block) if labelled else None,
        )
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))


def _draw_accuracy(axes: "Axes", rows: list[dict[str, float]]) -> None:
    for name, label in CURVES:
        if name in rows[0]:
            epochs = [row["epoch"] for row in rows]
            axes.plot(epochs, [row[name] for row in rows], color="black", linestyle="--", marker=".", label=label)


def _title(run: FinishedRun) -> str:
    rule = rule_in_words(run.settings.rule, run.settings.stabilise)
    return f"{run.results['dataset']}, labels {run.settings.labels}, rule {rule}"


def predicted_classes(trained: "TrainedRun") -> tuple["Tensor", str]:
    """Predicted classes `[N]` of a run's test images, and the inference in words: the one that the rule is known by."""
    from experiments.run import evaluate as judge

    parts, readout = trained.parts, trained.readout
    if trained.head is not None:
        return judge.judge_head(parts, trained.net, trained.head)[1], "softmax head"
    if readout is not None and parts.settings.inference == "linear":
        return judge.judge_readout(parts, readout, fit=False)[1], "linear readout"
    return judge.judge_goodness(parts, trained.net, parts.judged).predicted, "goodness"


@dataclass(frozen=True, kw_only=True)
class Options:
    """Draw the paper's figures 3 and 5 from finished runs."""

    runs: tyro.conf.Positional[tuple[Path, ...]]
    """Run folders."""

    out: Path = Path("figures")
    """Where to write."""

    confusion: bool = True
    """Draw the confusion matrices too, which needs the runs' data."""


def main(options: Options) -> list[Path]:
    """Draw everything that the runs have the numbers for; returns what was written, and says what was left out."""
    runs = [read_run(folder) for folder in options.runs]
    written = []
    for run in runs:
        written.append(options.out / f"layers-{run.name}.png")
        layers(run, written[-1])
    for dataset in sorted({run.settings.dataset for run in runs}):
        same = [run for run in runs if run.settings.dataset == dataset]
        local = [run for run in same if run.by_block("discrimination")]
        if len(local) > 1:
            written.append(options.out / f"discrimination-{dataset}.png")
            discrimination(local, written[-1])
            written.append(options.out / f"steps-{dataset}.png")
            accuracy_against_steps(local, written[-1])
        path = options.out / f"filters-{dataset}.png"
        if accuracy_against_filters(same, path):
            written.append(path)
        else:
            print(f"{dataset}: no accuracy against filters, because no method has runs of different --width")
    for trained in load_runs(runs) if options.confusion else []:
        predicted, inference = predicted_classes(trained)
        data = trained.parts.judged
        share = (predicted == data.classes).double().mean().item()
        written.append(options.out / f"confusion-{trained.run.name}.png")
        title = f"{_title(trained.run)}\n{inference}: {100 * share:.2f} % of {len(data)} images"
        confusion_matrix(predicted, data, written[-1], title=title)
    for path in written:
        print(path)
    return written


if __name__ == "__main__":
    arguments = tyro.cli(Options, description=__doc__)
    if not arguments.runs:
        sys.exit("usage: python experiments/figures.py RUN [RUN ...] --out DIR")
    try:
        main(arguments)
    except (FileNotFoundError, SettingsError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
