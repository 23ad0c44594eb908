"""Hinton's small experiments, one per file: its numbers, a function that runs it, and one that draws its figure."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments.extras import black_box, fast, goodness, groups, mortal, phases, sleep, two_kinds
from experiments.extras.base import Images, Result


@dataclass(frozen=True)
class Experiment:
    """A small experiment.

    Args:
        settings: makes its numbers; they have a field `training`.
        run: runs it.
        draw: draws what it found into a PNG, with a PDF beside it.
    """

    settings: Callable[[], Any]
    run: Callable[[Any, Images], Result]
    draw: Callable[[Result, Path], None]


EXTRAS: dict[str, Experiment] = {
    "goodness": Experiment(goodness.Goodness, goodness.run, goodness.draw),
    "phases": Experiment(phases.Phases, phases.run, phases.draw),
    "sleep": Experiment(sleep.Sleep, sleep.run, sleep.draw),
    "fast": Experiment(fast.Fast, fast.run, fast.draw),
    "black-box": Experiment(black_box.Boxes, black_box.run, black_box.draw),
    "groups": Experiment(groups.Groups, groups.run, groups.draw),
    "two-kinds": Experiment(two_kinds.TwoKinds, two_kinds.run, two_kinds.draw),
    "mortal": Experiment(mortal.Mortal, mortal.run, mortal.draw),
}

__all__ = ["EXTRAS", "Experiment", "Images", "Result"]
