"""The figures of runs, drawn without a display. Imports neither torch nor matplotlib before something is drawn."""

import statistics
from pathlib import Path
from typing import TYPE_CHECKING

from experiments.config.own import short
from experiments.run.folder import RunRecord, RunWithNetwork
from experiments.run.metrics import by_block
from experiments.tools import style
from experiments.tools.words import TOGETHER, rule_in_words

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from torch import Tensor

    from convff import ImageData

CURVES = (
    ("validation_goodness_accuracy", "accuracy by goodness,\nheld-out images"),
    ("validation_groups_accuracy", "accuracy by goodness of groups,\nheld-out images"),
    ("validation_blocks_accuracy", "accuracy by goodness,\nheld-out images"),
    ("validation_gains_accuracy", "accuracy by goodness,\nheld-out images"),
    ("validation_beside_accuracy", "accuracy by goodness,\nheld-out images"),
    ("validation_stream_accuracy", "accuracy by agreement,\nheld-out images"),
    ("validation_local_heads_accuracy", "accuracy of the heads,\nheld-out images"),
    ("validation_head_accuracy", "accuracy of the head,\nheld-out images"),
    ("train_accuracy", "accuracy, training images"),
)
SHARES = (
    ("discrimination", "DECISION, block {}"),
    ("converged", "filters of length 1, block {}"),
)
ACCURACIES = {
    "goodness": "goodness",
    "groups": "goodness of groups",
    "blocks": "goodness in blocks",
    "gains": "goodness by gains",
    "beside": "goodness beside blocks",
    "stream": "agreement",
    "local_heads": "local heads",
    "linear": "readout",
    "dropout": "readout with dropout",
    "head": "head",
}
INFERENCES = ACCURACIES | {"linear": "linear readout", "head": "softmax head"}  # in the title of a figure


def draw_learning_curve(
    rows: list[dict[str, float]], path: Path, *, title: str, decision: str = "right over wrong label"
) -> None:
    """Draw shares of every block (`SHARES`) and accuracy on held-out images, against epochs.

    Args:
        rows: the rows of `metrics.csv`, one per epoch.
        path: the PNG to write, with a PDF beside it; its folder is made.
        title: what the data are called.
        decision: what the discrimination of a block counts.
    """
    with style.new_figure(path, width=style.PAGE, height=3.2) as figure:
        axes = figure.add_subplot()
        for metric, label in SHARES:
            if found := by_block(rows, metric):
                _draw_blocks(axes, found, label.replace("DECISION", decision))
        _draw_accuracy(axes, rows)
        axes.set(xlabel="epoch", ylabel="share", ylim=(0, 1.02), title=title)
        if axes.get_legend_handles_labels()[0]:
            figure.legend(loc="outside right upper")


def draw_confusion_matrix(predicted: "Tensor", data: "ImageData", path: Path, *, title: str) -> None:
    """Draw predicted against right classes, in per cent of the images of each right class.

    Args:
        predicted: predicted classes `[N]`.
        data: the images' right classes and names.
        path: the PNG to write, with a PDF beside it; its folder is made.
        title: what the data are called.
    """
    from experiments.reports.confusions import counts_of

    counts = counts_of(data.classes.cpu().numpy(), predicted.cpu().numpy(), data.num_classes)
    shares = 100 * counts / counts.sum(axis=1, keepdims=True).clip(1)
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


def draw_layers(run: RunRecord, path: Path) -> None:
    """Draw loss and discrimination of every block against epochs (figures 3c and 3d of Scodellaro et al. 2025).

    The paper's green line of a combined loss is missing: blocks that learn on their own have none.
    """
    with style.new_figure(path, width=style.PAGE, height=2.6) as figure:
        left, right = figure.subplots(1, 2)
        losses = run.by_block("loss") or {"": {int(row["epoch"]): row["loss"] for row in run.rows if "loss" in row}}
        _draw_blocks(left, losses, "block {}" if run.by_block("loss") else "loss")
        left.set(xlabel="epoch", ylabel="loss, training images", ylim=(0, None))
        _draw_blocks(right, run.by_block("discrimination"), "block {}", labelled=False)
        _draw_accuracy(right, run.rows)
        right.set(xlabel="epoch", ylabel="share right", ylim=(0, 1.02))
        figure.suptitle(title_of(run), fontsize=8)
        figure.legend(loc="outside right upper")


def draw_discrimination(runs: list[RunRecord], path: Path) -> None:
    """Draw the discrimination of every block, one panel per run (figures 5a and 5b of Scodellaro et al. 2025)."""
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


def draw_accuracy_against_filters(runs: list[RunRecord], path: Path) -> bool:
    """Draw accuracy against filters per layer, averaged over seeds (figure 3a of Scodellaro et al. 2025).

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


def filters_of(run: RunRecord) -> int | None:
    """Return the number of filters (or units) of a run's first layer; None if it is the model's default.

    Example:
        >>> from experiments.config.settings import Settings
        >>> run = RunRecord(Path("runs/a"), Settings(), {"model_options": {"widths": [32, 64]}}, {}, [])
        >>> filters_of(run)
        32
    """
    options = run.recipe["model_options"]
    width = options.get("width") or (options.get("widths") or (None,))[0]
    return None if width is None else int(width)


def title_of(run: RunRecord) -> str:
    """Return the data, the labels and the rule of a run, for the title of a figure.

    Example:
        >>> from experiments.config.settings import Settings
        >>> print(title_of(RunRecord(Path("runs/a"), Settings(), {}, {"dataset": "MNIST"}, [])))
        MNIST,
        labels fourier, rule ff
    """
    extra = run.settings.variant + run.settings.stabilise
    rule = rule_in_words(run.settings.rule, extra, run.results.get("order", TOGETHER))
    return f"{run.results['dataset']},\nlabels {short(run.settings.label_name)}, rule {rule}"


def predicted_classes(trained: RunWithNetwork) -> tuple["Tensor", str]:
    """Return the predicted classes `[N]` of a run's test images, and in words the evaluation that predicts them."""
    evaluator = trained.parts.evaluator()
    if trained.readout is not None:  # already fitted in the run
        evaluator.run.readouts[id(trained.net)] = trained.readout
    name = next(iter(evaluator.evaluations))
    predicted = evaluator.own(trained.net, trained.modules).predicted
    assert predicted is not None
    return predicted, INFERENCES.get(name, name)


def _by_filters(runs: list[RunRecord]) -> dict[str, dict[int, list[float]]]:
    measured: dict[str, dict[int, list[float]]] = {}
    for run in runs:
        width = filters_of(run)
        for key, name in ACCURACIES.items():
            value = run.results["accuracy"].get(key)
            if width is not None and value is not None:
                measured.setdefault(f"{run.method}, {name}", {}).setdefault(width, []).append(value)
    return measured


def _draw_blocks(axes: "Axes", blocks: dict[str, dict[int, float]], label: str, *, labelled: bool = True) -> None:
    from matplotlib.ticker import MaxNLocator

    for index, (block, values) in enumerate(blocks.items()):
        axes.plot(
            list(values),
            list(values.values()),
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
