"""Figures that only some runs have. To add one, write a function that draws if it can, and give it a row."""

from collections.abc import Callable

from experiments.run import fields_figure, hybrid_figure, settling_figure
from experiments.run.finished import Finished

OWN_FIGURES: tuple[Callable[[Finished], None], ...] = (
    fields_figure.draw_of_run,
    hybrid_figure.draw_of_run,
    settling_figure.draw_of_run,
)


def draw_own_figures(run: Finished) -> None:
    """Draw all figures that a run has, into its folder."""
    for draw in OWN_FIGURES:
        draw(run)
