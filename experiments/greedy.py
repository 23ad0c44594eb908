"""Greedy Forward-Forward: dense layers that learn one after another, on MNIST.

Example: `python experiments/greedy.py --preset paper` repeats the run of a public notebook to the letter; `quick` has
the recipe of our other dense networks. See `experiments/config/presets/greedy_nets.py`, and `docs/greedy.md`.
"""

import statistics
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from experiments.config.command_line import Asked, parse_as
from experiments.config.conflicts import check_together
from experiments.config.presets import recipe_for
from experiments.config.settings import Settings, SettingsError
from experiments.tools.command import exit_on
from experiments.tools.words import schedule_in_words

if TYPE_CHECKING:
    from experiments.run.results import Results

DEFAULT = Settings(dataset="mnist", net="greedy", labels="onehot", inference=("goodness",))
FURTHER = ("goodness_from", "goodness_train")  # evaluations


@dataclass(frozen=True, kw_only=True)
class Greedy(Asked):
    """Train dense layers one after another, and print the error by goodness with and without the first one."""

    compare: bool = False
    """Then train the same network with all layers together, for the same epochs, and print both."""


def asked_for(arguments: list[str] | None = None) -> list[Settings]:
    """Return the settings of one training, or of the two that `--compare` compares; exit with 2 if they are invalid.

    Args:
        arguments: the command line; the process's own if omitted.

    Example:
        >>> [settings.order for settings in asked_for(["--compare"])]
        [None, 'together']
    """
    asked, settings = parse_as(Greedy, DEFAULT, __doc__, arguments)
    settings = _judged_further(settings)
    if not asked.compare:
        return [settings]
    with exit_on(SettingsError):
        if settings.resume is not None:
            raise SettingsError("--compare cannot be used with --resume: resume each of the two runs")
        if recipe_for(settings).order == "together":
            raise SettingsError("--compare needs blocks that learn one after another: --order one_by_one")
    return [settings, replace(settings, order="together", cache_gib=None)]


def _judged_further(settings: Settings) -> Settings:
    """Return settings with all errors by goodness, where the rule is judged by goodness and nothing else is asked for.

    A resumed run is judged as it was asked to be.
    """
    if settings.resume is not None or settings.inference != DEFAULT.inference:
        return settings
    further = replace(settings, inference=(*settings.inference, *FURTHER))
    try:
        check_together(further, frozenset({"inference"}))
    except SettingsError:
        return settings
    return further


def show(results: "list[Results]", settings: Settings) -> None:
    """Print the errors of one training, over its seeds."""
    from experiments.run.errors import COLUMNS, error_table

    if not results or not all(name in run.scores for run in results for name in COLUMNS):
        return  # another process prints, the rule is another one, or it is judged otherwise
    trained = [f"{statistics.mean(run.seconds['training'] for run in results):.0f} s of training"]
    if settings.resume is None:
        trained.insert(0, schedule_in_words(recipe_for(settings)))
    print(f"\n{', '.join(trained)}\n{error_table([run.scores for run in results])}")


if __name__ == "__main__":
    trainings = asked_for()

    from experiments.run.train import main  # after the parsing: it imports torch

    for done, settings in [(main(settings), settings) for settings in trainings]:
        show(done, settings)
