"""Search for the settings of the HebbFF paper's networks on validation images, by Optuna.

Example: `python experiments/search.py --dataset mnist --net deep --rule hebbff --trials 20`, after
`pip install -e ".[search]"`. Trials go into a SQLite file under `--out`; the same command continues the search.
"""

import json
import shlex
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tyro

from experiments.config.presets import recipe_for
from experiments.config.search import STARTING_RATES, STARTS, Search
from experiments.config.settings import SettingsError
from experiments.tools.command import exit_on

if TYPE_CHECKING:
    import optuna

    from experiments.run.parts import Parts

LEARNT_NOTHING = 0.15  # of ten classes


def search(asked: Search) -> dict[str, Any]:
    """Run the missing trials and write the result to `<out>/<name>.json`.

    Returns:
        the content of that file: the command, the best settings, their accuracy on validation images, all trials.

    Raises:
        SettingsError: Optuna is not installed, the settings cannot be run, the result of another search cannot be
            used, or no trial learnt anything.
        DataError: the data cannot be found.
    """
    try:
        import optuna
    except ImportError as error:
        raise SettingsError('the search needs Optuna: pip install -e ".[search]"') from error
    from convff import TrainingWarning
    from experiments.run.parts import prepare

    elsewhere = [_found_in(path, asked) for path in asked.also]
    parts = prepare(asked.settings())
    asked.out.mkdir(parents=True, exist_ok=True)
    storage = f"sqlite:///{asked.out / 'hebbff_mlp.db'}"
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(storage=storage, study_name=asked.name, direction="maximize", load_if_exists=True)
    if not study.trials:
        start = STARTS | {"lr": STARTING_RATES[asked.preset, asked.rule]}
        for faster in (1, 3, 1 / 3):
            study.enqueue_trial({name: start[name] * (faster if name == "lr" else 1) for name in asked.space})
    for best in elsewhere:
        study.enqueue_trial(best, skip_if_exists=True)
    done = len(_done(study))
    # Seeded by the number of finished trials, so that a continued search does not repeat its first draws.
    study.sampler = optuna.samplers.TPESampler(seed=asked.seed + done, n_startup_trials=8, multivariate=True)
    study.pruner = optuna.pruners.MedianPruner(n_startup_trials=4)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TrainingWarning)  # a search is expected to try settings that fail
        study.optimize(lambda trial: _trial(asked, parts, trial), n_trials=max(0, asked.trials - done))
    if not study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,)):
        raise SettingsError(
            f"no trial of {asked.name} learnt anything; more --trials, --epochs or --train-images may help"
        )
    found = {
        "command": asked.command,
        "dataset": parts.train.name,
        "judged_on": f"{min(asked.judged_images, len(parts.judged))} validation images",
        "best": study.best_params,
        "accuracy": study.best_value,
        "trials": [_as_json(trial) for trial in _done(study)],
    }
    (asked.out / f"{asked.name}.json").write_text(json.dumps(found, indent=2) + "\n")
    return found


def _found_in(path: Path, asked: Search) -> dict[str, float]:
    """Return what another search found, as settings of this one; raise if they are outside its ranges."""
    space = asked.space
    try:
        found = json.loads(path.read_text())
        best: dict[str, float] = found["best"]
        words = shlex.split(found["command"])
        rule, preset = (words[words.index(option) + 1] for option in ("--rule", "--preset"))
        within = best.keys() == space.keys()
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise SettingsError(f"--also {path}: not the result of a search ({type(error).__name__}: {error})") from error
    if preset != asked.preset:
        raise SettingsError(f"--also {path}: found for preset {preset}, but this search is for preset {asked.preset}")
    if within and rule != asked.rule:
        best = best | {"lr": _rate_of(asked, best["lr"], rule)}
    if not within or not all(low <= best[name] <= high for name, (low, high) in space.items()):
        raise SettingsError(f"--also {path}: {best} is outside the ranges of this search: {space}")
    return best


def _rate_of(asked: Search, lr: float, rule: str) -> float:
    """Return the rate that gives the first layer the step that another rule takes with rate `lr`.

    The directions of gated rules differ by their gains: FF's is HebbFF's times 2 s / (n B), see `docs/hebbff.md`.

    Raises:
        SettingsError: the optimiser is not plain gradient descent, so steps are not proportional to directions.
    """
    from convff import RULES, Threshold

    recipe = recipe_for(asked.settings())
    if recipe.optimizer != "sgd":
        raise SettingsError(f"rates of another rule can only be converted for optimizer sgd, got {recipe.optimizer}")
    units, images = recipe.model_options["widths"][0], recipe.batch_size
    theirs, ours = (RULES[name](gate=Threshold(scale=recipe.scale)).gain(units, images) for name in (rule, asked.rule))
    return lr * float(theirs) / float(ours)


def _trial(asked: Search, parts: "Parts", trial: "optuna.Trial") -> float:
    """Train once with the numbers that the trial suggests, and judge by validation images after every epoch."""
    import optuna

    numbers = {name: trial.suggest_float(name, *bounds, log=True) for name, bounds in asked.space.items()}
    accuracy, cut_off = 0.0, False
    for epoch, accuracy in enumerate(accuracies_with(parts, numbers, asked.judged_images)):
        trial.report(accuracy, epoch)
        cut_off = epoch + 1 < asked.epochs and (accuracy < LEARNT_NOTHING or bool(trial.should_prune()))
        if cut_off:
            break
    shown = ", ".join(f"{name} {value:.3g}" for name, value in numbers.items())
    ended = " (cut off)" if cut_off else ""
    print(f"trial {trial.number + 1}: {100 * accuracy:.2f} % with {shown}{ended}", flush=True)
    if cut_off:
        raise optuna.TrialPruned
    return accuracy


def _done(study: "optuna.Study") -> list["optuna.trial.FrozenTrial"]:
    """Return the trials that ended properly, without the interrupted ones."""
    from optuna.trial import TrialState

    return study.get_trials(states=(TrialState.COMPLETE, TrialState.PRUNED))


def _as_json(trial: "optuna.trial.FrozenTrial") -> dict[str, Any]:
    """Return the numbers of a trial, its last accuracy, and the number of its epochs."""
    last = max(trial.intermediate_values, default=0)
    return trial.params | {"accuracy": trial.intermediate_values.get(last), "epochs": last + 1}


def accuracies_with(parts: "Parts", numbers: dict[str, float], judged_images: int) -> Iterator[float]:
    """Yield the accuracy on the first judged images after each epoch with these numbers; 0 if it diverges."""
    from convff import DivergedError, stop_if_diverged
    from experiments.run.rules import new_rule

    numbers = dict(numbers)
    options = dict(parts.recipe.model_options)
    if "label_scale" in numbers:
        options["label_scale"] = numbers.pop("label_scale")
    recipe = replace(parts.recipe, model_options=options, **numbers)  # type: ignore[arg-type]
    parts = replace(
        parts,
        recipe=recipe,
        rule=new_rule(parts.settings, recipe, parts.train.num_classes),
        judged=parts.judged.part(0, judged_images),
    )
    net, evaluator = parts.new_net(), parts.evaluator()
    trainer = parts.new_trainer(net, None)
    try:
        for record in trainer.fit(parts.train):
            stop_if_diverged(record.epoch, record.metrics, blocks=record.blocks)
            yield evaluator.own(net, trainer.step.modules).value
    except DivergedError:
        yield 0.0


def main(asked: Search) -> None:
    """Search and print the best settings; exit with 2 if something cannot be run."""
    from convff import keep_freed_memory
    from experiments.datasets import DataError

    keep_freed_memory()
    with exit_on(SettingsError, DataError):
        found = search(asked)
    best = ", ".join(f"{name} {value:.3g}" for name, value in found["best"].items())
    print(f"{asked.name}: best of {len(found['trials'])} trials {100 * found['accuracy']:.2f} % with {best}")


if __name__ == "__main__":
    main(tyro.cli(Search, description=__doc__))
