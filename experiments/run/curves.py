"""Curves of several runs in one panel: accuracy on held-out images against steps, and against minutes.

Imports neither torch nor matplotlib before something is drawn.
"""

from itertools import accumulate
from math import ceil
from pathlib import Path

from experiments.run.folder import RunRecord
from experiments.tools import style


def draw_accuracy_against_steps(runs: list[RunRecord], path: Path) -> None:
    """Draw accuracy on held-out images against steps: how fast rules and optimisers learn."""
    with style.new_figure(path, width=style.PAGE, height=2.8) as figure:
        axes = figure.add_subplot()
        for index, run in enumerate(runs):
            column = held_out(run)
            if column is None:
                continue
            steps = [row["epoch"] * steps_an_epoch(run) for row in run.rows]
            accuracy = [100 * row[column] for row in run.rows]
            colour, marker = style.COLOURS[index % 7], style.MARKERS[index % 7]
            axes.plot(steps, accuracy, label=optimiser_in_words(run), color=colour, marker=marker)
        axes.set(xlabel=f"steps of {runs[0].recipe['batch_size']} images", ylim=(0, None), xlim=(0, None))
        axes.set(ylabel="accuracy,\nheld-out images, %", title=runs[0].results["dataset"])
        figure.legend(loc="outside right upper")


def draw_accuracy_against_minutes(runs: list[RunRecord], path: Path, *, mark: float = 0.75) -> bool:
    """Draw accuracy on held-out images against minutes of training, after every epoch.

    The minutes exclude readout, control and figures, which come after the training.

    Args:
        runs: the runs, a line each; runs without an accuracy on held-out images are skipped.
        path: the PNG to write, with a PDF beside it; its folder is made.
        mark: an accuracy in [0, 1], drawn as a horizontal line; the legend says when each run reached it.

    Returns:
        whether there was anything to draw.
    """
    drawn = [(run, column) for run in runs if (column := held_out(run)) is not None]
    if not drawn:
        return False
    with style.new_figure(path, width=style.PAGE, height=3.2) as figure:
        axes = figure.add_subplot()
        for index, ((run, column), name) in enumerate(zip(drawn, names_of([run for run, _ in drawn]), strict=True)):
            colour, marker = style.COLOURS[index % 7], style.MARKERS[index % 7]
            minutes = minutes_of(run)
            accuracy = [100 * row[column] for row in run.rows]
            reached = minutes_to(run, mark)
            when = f"not {100 * mark:g} %" if reached is None else f"{100 * mark:g} % after {reached:.1f} min"
            axes.plot(minutes, accuracy, label=f"{name}\n{when}", color=colour, marker=marker)
        axes.axhline(100 * mark, color=style.INK, linewidth=0.6, linestyle=":")
        axes.set(xlabel="minutes of training", ylim=(0, None), xlim=(0, None))
        axes.set(ylabel="accuracy,\nheld-out images, %", title=runs[0].results["dataset"])
        figure.legend(loc="outside right upper")
    return True


def names_of(runs: list[RunRecord]) -> list[str]:
    """Name runs by their method, with the optimiser where two runs have the same method."""
    methods = [run.method for run in runs]
    return [
        method if methods.count(method) == 1 else f"{method}, {run.recipe['optimizer']}"
        for method, run in zip(methods, runs, strict=True)
    ]


def minutes_of(run: RunRecord) -> list[float]:
    """Return the minutes of training until the end of each epoch.

    Example:
        >>> from experiments.config.settings import Settings
        >>> run = RunRecord(Path("runs/a"), Settings(), {}, {}, [{"seconds": 60.0}, {"seconds": 30.0}])
        >>> minutes_of(run)
        [1.0, 1.5]
    """
    return list(accumulate(row["seconds"] / 60 for row in run.rows))


def minutes_to(run: RunRecord, accuracy: float) -> float | None:
    """Return the minutes of training until a run first reached an accuracy after an epoch; None if it never did.

    Args:
        run: the run.
        accuracy: accuracy on held-out images, in [0, 1].

    Example:
        >>> from experiments.config.settings import Settings
        >>> row = {"seconds": 60.0, "validation_goodness_accuracy": 0.8}
        >>> run = RunRecord(Path("runs/a"), Settings(), {}, {}, [row])
        >>> minutes_to(run, 0.75)
        1.0
    """
    column = held_out(run)
    if column is None:
        return None
    pairs = zip(minutes_of(run), run.rows, strict=True)
    return next((minutes for minutes, row in pairs if row[column] >= accuracy), None)


def held_out(run: RunRecord) -> str | None:
    """Return the name of the column with a run's accuracy on held-out images; None if there is none.

    Example:
        >>> from experiments.config.settings import Settings
        >>> row = {"seconds": 60.0, "validation_goodness_accuracy": 0.8}
        >>> run = RunRecord(Path("runs/a"), Settings(), {}, {}, [row])
        >>> held_out(run)
        'validation_goodness_accuracy'
    """
    return next((name for name in run.rows[0] if name.startswith("validation_")), None)


def steps_an_epoch(run: RunRecord) -> int:
    """Return the number of steps per epoch of a run.

    Example:
        >>> from experiments.config.settings import Settings
        >>> row = {"images_per_second": 25.0, "seconds": 2.0}
        >>> run = RunRecord(Path("runs/a"), Settings(), {"batch_size": 10}, {}, [row])
        >>> steps_an_epoch(run)
        5
    """
    row = run.rows[0]
    batch_size: int = run.recipe["batch_size"]
    return ceil(round(row["images_per_second"] * row["seconds"]) / batch_size)


def optimiser_in_words(run: RunRecord) -> str:
    """Return labels, rule and optimiser of a run in words, with rate and momentum.

    Example:
        >>> from experiments.config.settings import Settings
        >>> run = RunRecord(Path("runs/a"), Settings(), {"optimizer": "adam", "lr": 0.001, "momentum": 0.9}, {}, [])
        >>> optimiser_in_words(run).splitlines()
        ['fourier ff', 'adam 0.001, momentum 0.9']
    """
    recipe = run.recipe
    momentum = f", momentum {recipe['momentum']:g}" if recipe["momentum"] else ""
    return f"{run.method}\n{recipe['optimizer']} {recipe['lr']:g}{momentum}"
