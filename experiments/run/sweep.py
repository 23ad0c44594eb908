"""A sweep: trials that differ in any settings, drawn by Optuna and judged by validation images."""

import json
import shlex
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zlib import crc32

from experiments.config.presets import recipe_for
from experiments.config.settings import Settings, SettingsError
from experiments.config.sweep import Choice, Dimension, Range, corners
from experiments.config.written import command_of
from experiments.run import trials
from experiments.run.folder import run_name, write_json
from experiments.tools.words import TOGETHER

if TYPE_CHECKING:
    import optuna

    from experiments.datasets import Dataset
    from experiments.run.parts import Parts

ANYWHERE = ("out", "device", "report", "tensorboard")  # settings that do not change a trial
MOST_SAID = 500  # characters of why a trial was refused


@dataclass(frozen=True, kw_only=True, eq=False)
class Sweep:
    """A sweep over some settings.

    Args:
        base: the settings that all trials share.
        over: what is searched.
        settings: maps the drawn values to the settings of a trial, or raises `SettingsError`.
        trials: number of trials in all, including those of earlier calls.
        judged_images: number of validation images that judge a trial; None for all.
    """

    base: Settings
    over: Sequence[Dimension]
    settings: Callable[[dict[str, Any]], Settings]
    trials: int
    judged_images: int | None = None

    @cached_property
    def name(self) -> str:
        """The name, which tells sweeps apart whose trials could not be compared."""
        shared = {name: value for name, value in self.base.as_json().items() if name not in ANYWHERE}
        what = [shared, self.judged_images, [asdict(each) for each in self.over]]
        return f"sweep-{run_name(self.base)}-{crc32(json.dumps(what).encode()):08x}"

    @property
    def file(self) -> Path:
        """The result, as JSON; beside it is `sweeps.db`, with the trials of all sweeps."""
        return self.base.out / f"{self.name}.json"

    def __call__(self) -> dict[str, Any]:
        """Run the missing trials, write the result, and return it: best settings, accuracy, command, all trials.

        Raises:
            SettingsError: Optuna is not installed, no combination of the values can be run, the trials cannot be kept
                under `--out`, or no trial learnt anything.
            DataError: the data cannot be found.
        """
        trials.needs_optuna()
        trials.check_place(self.base.out / "sweeps.db")
        from experiments.run.parts import prepare

        first = prepare(self.settings(self._first_possible()))
        study = trials.open_study(self.base.out / "sweeps.db", self.name)
        trials.enqueue_first(study, [self._of_preset()])
        run = _Trials(self, first.dataset)
        trials.run_missing(study, run, self.trials, self.base.seed, prune=self._in_step())
        if not trials.found_something(study):
            raise SettingsError(f"no trial of {self.name} learnt anything; more --trials or --epochs may help")
        judged = min(self.judged_images or len(first.judged), len(first.judged))
        found = {
            "command": self.command,
            "dataset": first.train.name,
            "judged_on": f"{judged} validation images",
            "best": study.best_params,
            "accuracy": study.best_value,
            "train": self.training_with(study.best_params),
            "trials": [trials.as_json(trial) for trial in trials.ended(study)],
        }
        write_json(self.file, found)
        return found

    def _first_possible(self) -> dict[str, Any]:
        """Return the values of the first combination that can be run."""
        faults = []
        for values in corners(self.over):
            try:
                self.settings(values)
            except SettingsError as error:
                faults.append(error)
            else:
                return values
        raise faults[0]

    def _in_step(self) -> bool:
        """Return whether trials can be compared epoch by epoch: of one length, and all blocks learn together."""
        some = self._first_possible()
        lengths = set()
        for values in (some, *(some | {each.name: end} for each in self.over for end in each.ends)):
            with suppress(SettingsError):
                recipe = recipe_for(self.settings(values))
                lengths.add((recipe.order, recipe.epochs, recipe.portions))
        return len(lengths) == 1 and lengths.pop()[0] == TOGETHER

    def _of_preset(self) -> dict[str, Any]:
        """Return the values that the settings have without the sweep, where they are among those searched."""
        recipe, found = recipe_for(self.base), {}
        numbers = recipe.model_options | asdict(recipe)
        for each in self.over:
            value = getattr(self.base, each.name)
            value = numbers.get(each.name) if value is None and not each.holds(None) else value
            if each.holds(value):
                found[each.name] = each.text_of(value) if isinstance(each, Choice) else value
        return found

    def drawn(self, trial: "optuna.Trial") -> dict[str, Any]:
        """Return the values of a trial, by name."""
        return self.values({each.name: _suggested(trial, each) for each in self.over})

    def values(self, params: dict[str, Any]) -> dict[str, Any]:
        """Return the values of what a trial is saved as."""
        typed = dict(params)
        for each in self.over:
            if isinstance(each, Choice):
                typed[each.name] = each.ends[each.texts.index(params[each.name])]
        return typed

    @property
    def command(self) -> str | None:
        """The command that repeats the sweep; None if there is none."""
        base = command_of(_to_report(self.base))
        if base is None:
            return None
        over = [f"{each.name}={_as_typed(each)}" for each in self.over]
        judged = [] if self.judged_images is None else ["--judged-images", str(self.judged_images)]
        words = base.replace("convff train", "convff sweep", 1)
        return f"{words} {shlex.join(['--over', *over, '--trials', str(self.trials), *judged])}"

    def training_with(self, params: dict[str, Any]) -> str | None:
        """Return the command that trains with the values of a trial, judged by test images; None if there is none."""
        return command_of(_to_report(self.settings(self.values(params))))


@dataclass(eq=False)
class _Trials:
    """Trains a trial; data are loaded once."""

    sweep: Sweep
    dataset: "Dataset"

    def __call__(self, trial: "optuna.Trial") -> float:
        from torch import OutOfMemoryError

        values = self.sweep.drawn(trial)
        shown = in_words(trial.params)
        try:
            parts = self._parts(values)
            epochs, accuracies = trials.training_of(parts, self.sweep.judged_images)
            # Where blocks learn one after another, those that are scored may be the last ones.
            least = trials.least_accuracy(parts.train.num_classes) if parts.recipe.order == TOGETHER else 0.0
            return trials.judged_trial(trial, accuracies, epochs, shown, least=least)
        except (SettingsError, OutOfMemoryError, MemoryError) as error:
            trial.set_user_attr("refused", str(error)[:MOST_SAID])
            print(f"trial {trial.number + 1}: refused with {shown}: {error}", flush=True)
            raise trials.needs_optuna().TrialPruned from error

    def _parts(self, values: dict[str, Any]) -> "Parts":
        from experiments.run.parts import prepare

        return prepare(self.sweep.settings(values), self.dataset)


def in_words(params: dict[str, Any]) -> str:
    """Return the values of a trial in words.

    Example:
        >>> in_words({"lr": 0.0123456, "gate": "softmax", "batch_size": 64})
        'lr 0.0123, gate softmax, batch size 64'
    """
    shown = {name: f"{value:.3g}" if isinstance(value, float) else value for name, value in params.items()}
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in shown.items())


def _suggested(trial: "optuna.Trial", each: Dimension) -> Any:
    if isinstance(each, Choice):
        return trial.suggest_categorical(each.name, each.texts)
    log = each.low > 0
    if each.whole:
        return trial.suggest_int(each.name, int(each.low), int(each.high), log=log)
    return trial.suggest_float(each.name, each.low, each.high, log=log)


def _as_typed(each: Dimension) -> str:
    return f"{each.low}..{each.high}" if isinstance(each, Range) else ",".join(each.texts)


def _to_report(settings: Settings) -> Settings:
    """Return settings of a run that reports on test images."""
    return replace(settings, evaluate_on="test", require_data=False)
