"""Line charts of a report: points and ticks in the units of their SVG, which the page draws."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from experiments.run.figures import ACCURACIES, SHARES
from experiments.run.folder import RunRecord

WIDTH, HEIGHT = 360, 200  # units of the SVG
LEFT, RIGHT, TOP, BOTTOM = 40, 8, 8, 30  # margins, with the ticks
STYLES = 7  # lines that look different
MOST_POINTS = 60  # with more of them, points get no marker


@dataclass(frozen=True)
class Line:
    """A line of a chart.

    Args:
        name: what it shows.
        style: number of its colour and dashes.
        points: x and y in units of the SVG.
        last: its last value, in words.
    """

    name: str
    style: int
    points: tuple[tuple[float, float], ...]
    last: str

    @property
    def path(self) -> str:
        """The points as SVG writes them.

        Example:
            >>> Line("loss", 0, ((0, 1.25), (2, 3)), "3").path
            '0.0,1.2 2.0,3.0'
        """
        return " ".join(f"{x:.1f},{y:.1f}" for x, y in self.points)


@dataclass(frozen=True)
class Chart:
    """A chart of lines against epochs.

    Args:
        title: what it shows.
        unit: what its values are.
        lines: the lines.
        x_ticks: place and text of each tick of the epochs.
        y_ticks: place and text of each tick of the values.
        markers: whether each point gets a marker.
    """

    title: str
    unit: str
    lines: tuple[Line, ...]
    x_ticks: tuple[tuple[float, str], ...]
    y_ticks: tuple[tuple[float, str], ...]
    markers: bool

    @property
    def summary(self) -> str:
        """The last value of each line, for those who do not see the chart."""
        return f"{self.title}. At the end: " + "; ".join(f"{line.name} {line.last}" for line in self.lines) + "."


def charts_of(run: RunRecord) -> list[Chart]:
    """Return the charts of a run: accuracy, and per block the discrimination and the loss, against epochs."""
    accuracy = {
        _in_words(name): {int(row["epoch"]): 100 * row[name] for row in run.rows if name in row}
        for name in dict.fromkeys(name for row in run.rows for name in row)
        if name == "train_accuracy" or (name.startswith("validation_") and name.endswith("_accuracy"))
    }
    found = [chart("Accuracy after each epoch", "%", accuracy, low=0, high=100)]
    for metric, words in SHARES:
        title = words.removesuffix(", block {}").replace("DECISION", "right label over wrong one")
        found.append(
            chart(f"{title[0].upper()}{title[1:]}, block by block", "share", _blocks(run, metric), low=0, high=1)
        )
    found.append(chart("Loss of each block", "loss", _blocks(run, "loss")))
    return [each for each in found if each is not None]


def _blocks(run: RunRecord, metric: str) -> dict[str, dict[int, float]]:
    return {f"block {block}": values for block, values in run.by_block(metric).items()}


def _in_words(column: str) -> str:
    if column == "train_accuracy":
        return "training images"
    name = column.removeprefix("validation_").removesuffix("_accuracy")
    return f"held-out images, by {ACCURACIES.get(name, name)}"


def chart(
    title: str,
    unit: str,
    values: Mapping[str, Mapping[int, float]],
    *,
    low: float | None = None,
    high: float | None = None,
) -> Chart | None:
    """Return a chart, or None if no line has a value.

    Args:
        title: what it shows.
        unit: what its values are.
        values: epoch to value, for each line by name; values that are not finite are skipped.
        low: the lowest value of the axis; by default it fits the values.
        high: the highest one.

    Example:
        >>> found = chart("Loss", "loss", {"block 1": {1: 1.0, 2: 0.5}})
        >>> [text for _, text in found.y_ticks], found.lines[0].last
        (['0.5', '0.6', '0.7', '0.8', '0.9', '1'], '0.5')
    """
    finite = {name: {x: y for x, y in line.items() if math.isfinite(y)} for name, line in values.items()}
    finite = {name: line for name, line in finite.items() if line}
    if not finite:
        return None
    every = [y for line in finite.values() for y in line.values()]
    low, high = min(every) if low is None else low, max(every) if high is None else high
    if high <= low:
        low, high = low - 0.5, high + 0.5
    epochs = sorted({x for line in finite.values() for x in line})
    first, last = epochs[0], max(epochs[-1], epochs[0] + 1)
    width, height = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM

    def place(x: float) -> float:
        return LEFT + width * (x - first) / (last - first)

    def level(y: float) -> float:
        return TOP + height * (high - min(max(y, low), high)) / (high - low)

    lines = tuple(
        Line(name, number % STYLES, tuple((place(x), level(y)) for x, y in sorted(line.items())), _last(line, unit))
        for number, (name, line) in enumerate(finite.items())
    )
    whole = [tick for tick in ticks(first, epochs[-1], 6) if tick == int(tick)] or [first]
    return Chart(
        title,
        unit,
        lines,
        tuple((place(tick), f"{tick:g}") for tick in whole),
        tuple((level(tick), f"{tick:g}") for tick in ticks(low, high, 5)),
        markers=len(epochs) <= MOST_POINTS,
    )


def _last(line: Mapping[int, float], unit: str) -> str:
    value = line[max(line)]
    return f"{value:.1f} %" if unit == "%" else f"{value:.3g}"


def ticks(low: float, high: float, most: int) -> Sequence[float]:
    """Return round numbers between two values, about as many as asked for.

    Example:
        >>> ticks(0, 100, 5), ticks(1, 12, 6)
        ([0.0, 20.0, 40.0, 60.0, 80.0, 100.0], [2.0, 4.0, 6.0, 8.0, 10.0, 12.0])
    """
    if high <= low:
        return [float(low)]
    raw = (high - low) / most
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw * (1 - 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(number * step, 10) for number in range(first, last + 1)]
