"""Trials of a search: short trainings, judged by validation images after every epoch, drawn and cut off by Optuna."""

import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from experiments.config.settings import SettingsError

if TYPE_CHECKING:
    import optuna

    from experiments.run.parts import Parts

LEARNT_NOTHING = 0.15  # of ten classes
NOT_IN_ADDRESS = re.compile(r"[?{}]|%[0-9A-Fa-f]{2}")  # SQLAlchemy and Optuna read these as something else
STARTING_TRIALS = 8  # drawn at random, before the sampler learns from earlier ones


def needs_optuna() -> ModuleType:
    """Return Optuna, which is an extra.

    Raises:
        SettingsError: it is not installed.
    """
    try:
        import optuna
    except ImportError as error:
        raise SettingsError('the search needs Optuna: pip install -e ".[search]"') from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


def check_place(file: Path) -> None:
    """Raise for a file that the address of a database cannot name.

    Args:
        file: the SQLite file of a study.

    Raises:
        SettingsError: its path holds a character that has a meaning of its own there.

    Example:
        >>> check_place(Path("100%/a b/sweeps.db"))
        >>> check_place(Path("a?b/sweeps.db"))
        Traceback (most recent call last):
        ...
        experiments.config.settings.SettingsError: --out a?b cannot be used: the database of the trials cannot have ? in
        its path
    """
    if found := NOT_IN_ADDRESS.search(str(file)):
        raise SettingsError(
            f"--out {file.parent} cannot be used: the database of the trials cannot have {found[0]} in its path"
        )


def open_study(file: Path, name: str) -> "optuna.Study":
    """Return a study kept in a SQLite file: a new one, or the one that has this name there.

    Args:
        file: the file, which is made if it does not exist; so is its folder.
        name: the name of the study.

    Raises:
        SettingsError: Optuna is not installed, or `check_place` refuses the file.
    """
    check_place(file)
    package = needs_optuna()
    file.parent.mkdir(parents=True, exist_ok=True)
    study: optuna.Study = package.create_study(
        storage=f"sqlite:///{file}", study_name=name, direction="maximize", load_if_exists=True
    )
    return study


def enqueue_first(study: "optuna.Study", starts: Sequence[dict[str, Any]]) -> None:
    """Let a search begin with these values; those that were tried, or wait to be, are passed over.

    Args:
        study: the study.
        starts: the values of each trial, by name. Those of an interrupted trial are tried again.
    """
    from optuna.trial import TrialState

    known = study.get_trials(states=(TrialState.WAITING, TrialState.COMPLETE, TrialState.PRUNED))
    asked = [trial.system_attrs.get("fixed_params", trial.params) for trial in known]
    for values in starts:
        if values not in asked:
            study.enqueue_trial(values)


def run_missing(
    study: "optuna.Study", trial: "Callable[[optuna.Trial], float]", trials: int, seed: int, *, prune: bool = True
) -> None:
    """Run the trials that are missing, after those of earlier calls.

    Args:
        study: the study.
        trial: trains once and returns the accuracy.
        trials: number of trials in all.
        seed: seed of the sampler.
        prune: end a trial that is worse than the median of the others after the same number of epochs.
    """
    optuna = needs_optuna()
    missing = max(0, trials - len(ended(study)))
    # Seeded by the number of begun trials, so that a continued search repeats neither its first draws nor one that
    # ended with an error.
    begun = sum(trial.state != optuna.trial.TrialState.WAITING for trial in study.get_trials(deepcopy=False))
    study.sampler = optuna.samplers.TPESampler(seed=seed + begun, n_startup_trials=STARTING_TRIALS, multivariate=True)
    study.pruner = optuna.pruners.MedianPruner(n_startup_trials=4) if prune else optuna.pruners.NopPruner()
    from convff import TrainingWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TrainingWarning)  # a search is expected to try settings that fail
        study.optimize(trial, n_trials=missing)


def judged_trial(
    trial: "optuna.Trial", accuracies: Iterator[float], epochs: int, shown: str, *, least: float = LEARNT_NOTHING
) -> float:
    """Return the last accuracy of a training, which ends early if it learns nothing or is worse than most.

    Args:
        trial: the trial, which is told every accuracy.
        accuracies: trains an epoch for each value.
        epochs: number of epochs.
        shown: the drawn settings, to print.
        least: an accuracy below this one, after half of the epochs, has learnt nothing.

    Raises:
        optuna.TrialPruned: it ended early.
    """
    accuracy, cut_off = 0.0, False
    for epoch, accuracy in enumerate(accuracies):
        trial.report(accuracy, epoch)
        hopeless = accuracy < least and 2 * (epoch + 1) >= epochs  # the first epochs of few images are a few steps
        cut_off = epoch + 1 < epochs and (hopeless or bool(trial.should_prune()))
        if cut_off:
            break
    ended_early = " (cut off)" if cut_off else ""
    print(f"trial {trial.number + 1}: {100 * accuracy:.2f} % with {shown}{ended_early}", flush=True)
    if cut_off:
        raise needs_optuna().TrialPruned
    return accuracy


def least_accuracy(classes: int) -> float:
    """Return the accuracy below which a training has learnt nothing: guessing, and half of it or 5 points on top.

    Example:
        >>> [round(least_accuracy(classes), 3) for classes in (2, 10, 100)]
        [0.55, 0.15, 0.015]
    """
    return min(1.5 / classes, 1 / classes + 0.05)


def ended(study: "optuna.Study") -> list["optuna.trial.FrozenTrial"]:
    """Return the trials that ended properly, without the interrupted ones."""
    from optuna.trial import TrialState

    return study.get_trials(states=(TrialState.COMPLETE, TrialState.PRUNED))


def found_something(study: "optuna.Study") -> bool:
    """Return whether a trial came to its end, so that there is a best one."""
    from optuna.trial import TrialState

    return bool(study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)))


def as_json(trial: "optuna.trial.FrozenTrial") -> dict[str, Any]:
    """Return the drawn settings of a trial, its last accuracy, the number of its epochs, and why it was refused."""
    values = trial.intermediate_values
    return trial.params | {"accuracy": values.get(max(values, default=0)), "epochs": len(values)} | trial.user_attrs


def training_of(parts: "Parts", judged_images: int | None) -> tuple[int, Iterator[float]]:
    """Return the number of epochs of a training, and what trains: the accuracy in [0, 1] after each epoch.

    A training that diverges ends with an accuracy of 0.

    Args:
        parts: the parts of the run.
        judged_images: the first n judged images give the accuracy; None for all.
    """
    parts = replace(parts, judged=parts.judged.part(0, judged_images))
    net = parts.new_net()
    trainer = parts.new_trainer(net, None)

    def accuracies() -> Iterator[float]:
        from convff import DivergedError, stop_if_diverged

        evaluator = parts.evaluator()
        try:
            for portion in parts.portions:
                for record in trainer.fit(portion):
                    stop_if_diverged(record.epoch, record.metrics, blocks=record.blocks)
                    yield evaluator.own(net, trainer.step.modules).value
        except DivergedError:
            yield 0.0

    return trainer.stretches.total * len(parts.portions), accuracies()
