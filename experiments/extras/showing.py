"""Tables and figures of the small experiments."""

import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.tools import style
from experiments.tools.markdown import plain_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Row = dict[str, Any]


def table(rows: list[Row]) -> str:
    """Write rows as a table in Markdown; lists, which have a value per seed, as mean and standard deviation.

    Example:
        >>> print(table([{"goodness": "sum", "accuracy %": [90.0, 92.0]}]))
        | goodness | accuracy % |
        |---|---|
        | sum | 91.00 ± 1.41 |
    """
    return plain_table([{name: _cell(value) for name, value in row.items()} for row in rows])


def _cell(value: Any) -> Any:
    if not isinstance(value, list):
        return value
    mean = statistics.mean(value)
    shown = f"{mean:.2f}" if abs(mean) >= 0.1 or mean == 0 else f"{mean:.1e}"
    return shown if len(value) == 1 else f"{shown} ± {statistics.stdev(value):.2f}"


def dots(rows: list[Row], name: str, values: Sequence[str], path: Path, *, title: str) -> None:
    """Draw a point per row and value, with the standard deviation over seeds where there are several.

    Args:
        rows: of the table.
        name: the column that names a group.
        values: the columns to draw, in per cent.
        path: the PNG to write, with a PDF beside it.
        title: what is compared.
    """
    with style.new_figure(path, width=style.COLUMN, height=2.4) as figure:
        axes = figure.add_subplot()
        for index, value in enumerate(values):
            places = [number + (index - (len(values) - 1) / 2) * 0.2 for number in range(len(rows))]
            with_spread(axes, places, [row[value] for row in rows], index, label=value.removesuffix(" %"), joined=False)
        axes.set(ylabel="accuracy, %", title=title, xlim=(-0.5, len(rows) - 0.5))
        axes.set_xticks(range(len(rows)), [str(row[name]) for row in rows], rotation=15 if len(rows) > 3 else 0)
        figure.legend(loc="outside lower center", ncols=len(values))


def with_spread(
    axes: "Axes",
    places: Sequence[float],
    values: Sequence[Sequence[float]],
    index: int,
    *,
    label: str,
    joined: bool = True,
) -> None:
    """Draw means, and their standard deviations where there are several values.

    Args:
        axes: where to draw.
        places: x of each mean.
        values: per mean, a value per seed.
        index: of the colour and the marker.
        label: for the legend.
        joined: whether a line joins the means.
    """
    means = [statistics.mean(each) for each in values]
    spread = [statistics.stdev(each) for each in values] if len(values[0]) > 1 else None
    axes.errorbar(
        places,
        means,
        yerr=spread,
        label=label,
        linestyle="-" if joined else "none",
        capsize=2,
        color=style.COLOURS[index % 7],
        marker=style.MARKERS[index % len(style.MARKERS)],
    )
