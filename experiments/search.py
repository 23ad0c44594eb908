"""Search for the settings of the HebbFF paper's networks on validation images, by Optuna.

Example: `python experiments/search.py --dataset mnist --net deep --rule hebbff --trials 20`, after
`pip install -e ".[search]"`. Trials go into a SQLite file under `--out`; the same command continues the search.
"""

import json
import shlex
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tyro

from experiments.config.presets import recipe_for
from experiments.config.search import STARTING_RATES, STARTS, Search
from experiments.config.settings import SettingsError
from experiments.run import trials
from experiments.tools.command import exit_on

if TYPE_CHECKING:
    import optuna

    from experiments.run.parts import Parts


def search(asked: Search) -> dict[str, Any]:
    """Run the missing trials and write the result to `<out>/<name>.json`.

    Returns:
        the content of that file: the command, the best settings, their accuracy on validation images, all trials.

    Raises:
        SettingsError: Optuna is not installed, the settings cannot be run, the result of another search cannot be
            used, or no trial learnt anything.
        DataError: the data cannot be found.
    """
    trials.needs_optuna()
    from experiments.run.parts import prepare

    elsewhere = [_found_in(path, asked) for path in asked.also]
    trials.check_place(asked.out / "hebbff_mlp.db")
    parts = prepare(asked.settings())
    study = trials.open_study(asked.out / "hebbff_mlp.db", asked.name)
    start = STARTS | {"lr": STARTING_RATES[asked.preset, asked.rule]}
    starts = [{name: start[name] * (faster if name == "lr" else 1) for name in asked.space} for faster in (1, 3, 1 / 3)]
    trials.enqueue_first(study, [*starts, *elsewhere])
    trials.run_missing(study, lambda trial: _trial(asked, parts, trial), asked.trials, asked.seed)
    if not trials.found_something(study):
        raise SettingsError(
            f"no trial of {asked.name} learnt anything; more --trials, --epochs or --train-images may help"
        )
    found = {
        "command": asked.command,
        "dataset": parts.train.name,
        "judged_on": f"{min(asked.judged_images, len(parts.judged))} validation images",
        "best": study.best_params,
        "accuracy": study.best_value,
        "trials": [trials.as_json(trial) for trial in trials.ended(study)],
    }
    (asked.out / f"{asked.name}.json").write_text(json.dumps(found, indent=2) + "\n")
    return found


def _found_in(path: Path, asked: Search) -> dict[str, float]:
    """Return what another search found, as settings of this one; raise if they are outside its ranges."""
    space = asked.space
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
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
    numbers = {name: trial.suggest_float(name, *bounds, log=True) for name, bounds in asked.space.items()}
    shown = ", ".join(f"{name} {value:.3g}" for name, value in numbers.items())
    return trials.judged_trial(trial, accuracies_with(parts, numbers, asked.judged_images), asked.epochs, shown)


def accuracies_with(parts: "Parts", numbers: dict[str, float], judged_images: int) -> Iterator[float]:
    """Return the accuracies on the first judged images after each epoch with these numbers; 0 if it diverges."""
    from experiments.run.rules import new_rule

    numbers = dict(numbers)
    options = dict(parts.recipe.model_options)
    if "label_scale" in numbers:
        options["label_scale"] = numbers.pop("label_scale")
    recipe = replace(parts.recipe, model_options=options, **numbers)  # type: ignore[arg-type]
    rule = new_rule(parts.settings, recipe, parts.train.num_classes)
    return trials.training_of(replace(parts, recipe=recipe, rule=rule), judged_images)[1]


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
