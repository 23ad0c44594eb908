"""What each block of several runs knows on its own, and how many directions its features use.

Imports neither torch nor matplotlib before something is drawn.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from experiments.run.curves import names_of
from experiments.run.folder import RunRecord
from experiments.tools import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw_blocks(runs: list[RunRecord], path: Path) -> bool:
    """Draw the accuracy of each block alone, and the participation ratio of its features, against the block.

    The participation ratio counts the directions that features use; dashed lines are of the untrained network.

    Args:
        runs: the runs, each a line; those that were judged by one number for all blocks are missing on the left.
        path: the PNG to write, with a PDF beside it; its folder is made.

    Returns:
        whether there was anything to draw.
    """
    drawn = [run for run in runs if run.results.get("participation") or accuracy_by_block(run)]
    if not drawn:
        return False
    with style.new_figure(path, width=style.PAGE, height=2.7) as figure:
        left, right = figure.subplots(1, 2)
        for index, (run, name) in enumerate(zip(drawn, names_of(drawn), strict=True)):
            colour, marker = style.COLOURS[index % 7], style.MARKERS[index % 7]
            alone = [100 * value for value in accuracy_by_block(run)]
            _line(left, alone, name, colour, marker)
            used = run.results.get("participation") or {}
            _line(right, used.get("trained", []), None if alone else name, colour, marker)
            _line(right, used.get("untrained", []), None, colour, "", linestyle="--", linewidth=0.8, alpha=0.6)
        for axes in (left, right):
            axes.xaxis.get_major_locator().set_params(integer=True)
            axes.set(xlabel="block", ylim=(0, None))
        left.set(ylabel="accuracy of the block alone, %")
        right.set(ylabel="directions that features use\n(dashed: untrained)")
        figure.suptitle(drawn[0].results["dataset"], fontsize=8)
        figure.legend(loc="outside right upper")
    return True


def accuracy_by_block(run: RunRecord) -> list[float]:
    """Return the accuracy in [0, 1] of each block alone, by the rule's own scores; empty if it was not measured."""
    found: list[float] = run.results.get("per_layer", {}).get("accuracy") or []
    return found


def _line(
    axes: "Axes", values: list[float], label: str | None, colour: str, marker: str, **options: str | float
) -> None:
    if values:
        blocks = range(1, len(values) + 1)
        axes.plot(blocks, values, label=label, color=colour, marker=marker, **options)  # type: ignore[arg-type]
