"""Tables and figures of the small experiments."""

import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from experiments.tools import style
from experiments.tools.markdown import plain_table

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


def bars(rows: list[Row], name: str, values: Sequence[str], path: Path, *, title: str) -> None:
    """Draw a group of bars per row, with the standard deviation over seeds.

    Args:
        rows: of the table.
        name: the column that names a group.
        values: the columns to draw, in per cent.
        path: the PNG to write, with a PDF beside it.
        title: what is compared.
    """
    with style.new_figure(path, width=style.COLUMN, height=2.4) as figure:
        axes = figure.add_subplot()
        share = 0.8 / len(values)
        for index, value in enumerate(values):
            places = [number + (index - (len(values) - 1) / 2) * share for number in range(len(rows))]
            means = [statistics.mean(row[value]) for row in rows]
            spread = [statistics.stdev(row[value]) if len(row[value]) > 1 else 0.0 for row in rows]
            label, colour = value.removesuffix(" %"), style.COLOURS[index % 7]
            axes.bar(places, means, share * 0.9, yerr=spread, label=label, color=colour)
        lowest = min(min(row[value]) for row in rows for value in values)
        axes.set(ylabel="accuracy, %", ylim=(max(0.0, 10 * (lowest // 10) - 10), 100), title=title)
        axes.set_xticks(range(len(rows)), [str(row[name]) for row in rows], rotation=15 if len(rows) > 3 else 0)
        figure.legend(loc="outside lower center", ncols=len(values))
