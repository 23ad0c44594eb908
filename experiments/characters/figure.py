"""Figure 5 of Hinton 2022: perplexity against updates, by where negatives come from, beside n-grams."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from experiments.tools import style

Rows = Sequence[Mapping[str, float]]
PANELS = (("perplexity", "train", "text that is learnt from"), ("held_out_perplexity", "held_out", "held-out text"))
LEAST, MOST = 2.0, 35.0  # around an untrained network's 30, the number of characters
TICKS = (1, 2, 3, 5, 10, 20, 30, 50, 100, 1000)
LINES = ("-", "-", "--", "-.")  # curves that lie on one another can be told apart
NEAR = 1.12  # perplexities whose ratio is less share a line of text


def draw_perplexities(regimes: Mapping[str, Rows], ngrams: Mapping[str, Mapping[str, float]], path: Path) -> None:
    """Draw perplexity against updates, on the text that is learnt from and on held-out text.

    Args:
        regimes: the rows of `metrics.csv` by regime.
        ngrams: perplexities "train" and "held_out" of n-grams by name, drawn as horizontal lines.
        path: the PNG to write, with a PDF beside it.
    """
    shown = [row[column] for column, *_ in PANELS for rows in regimes.values() for row in rows if column in row]
    limits = _limits([*shown, *(value for each in ngrams.values() for value in each.values())])
    with style.new_figure(path, width=style.PAGE, height=3.0) as figure:
        panels = figure.subplots(1, 2, sharey=True)
        for axes, (column, key, title) in zip(panels, PANELS, strict=True):
            for index, (name, rows) in enumerate(regimes.items()):
                known = [(row["updates"], row[column]) for row in rows if column in row]
                label = name if axes is panels[0] else None
                look = {"color": style.COLOURS[index % 7], "linestyle": LINES[index % len(LINES)]}
                axes.plot(*zip(*known, strict=True), label=label, **look)
            for names, value in _joined({name: values[key] for name, values in ngrams.items()}):
                axes.annotate(
                    names, (1.01, value), xycoords=("axes fraction", "data"), ha="left", va="center", fontsize=6
                )
            for values in ngrams.values():
                axes.axhline(values[key], color=style.INK, linestyle=":", linewidth=0.7)
            axes.set(xlabel="updates", title=title, yscale="log")
            axes.set_yticks(TICKS, list(map(str, TICKS)))
            axes.minorticks_off()
            axes.set(ylim=limits)
        panels[0].set(ylabel="perplexity of the next character")
        figure.legend(loc="outside lower center", ncols=len(regimes))


def _limits(values: Sequence[float]) -> tuple[float, float]:
    """Return limits that show all values: `LEAST` and `MOST`, and further out where a value is."""
    return min(LEAST, 0.95 * min(values)), max(MOST, 1.05 * max(values))


def _joined(values: Mapping[str, float]) -> list[tuple[str, float]]:
    """Return names and the value at which they are written, from below; names of near values are written as one."""
    found: list[tuple[str, float]] = []
    for name, value in sorted(values.items(), key=lambda item: item[1]):
        if found and value < NEAR * found[-1][1]:
            found[-1] = (f"{found[-1][0]}, {name}", found[-1][1])
        else:
            found.append((name, value))
    return found
