"""Where negatives come from: one regime per file, a generator of the directions of each step of an update.

A regime is given a `Lesson` and yields `Directions`, one per step. Whatever it computes after a `yield`, it computes
with the weights after that step.
"""

from collections.abc import Callable, Iterator

from convff.characters.lesson import Directions, Lesson
from convff.characters.regimes.combined import combined
from convff.characters.regimes.random_features import random_features
from convff.characters.regimes.separated import separated
from convff.characters.regimes.teacher import teacher

Regime = Callable[[Lesson], Iterator[Directions]]

REGIMES: dict[str, Regime] = {
    "random-features": random_features,
    "teacher": teacher,
    "combined": combined,
    "separated": separated,
}

__all__ = ["REGIMES", "Regime"]
