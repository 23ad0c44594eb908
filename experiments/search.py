"""Search for the settings of the HebbFF paper's networks on validation images, by Optuna.

Example: `python experiments/search.py --dataset mnist --net deep --rule hebbff --trials 20`, after
`pip install -e ".[search]"`. Trials go into a SQLite file under `--out`; the same command goes on where it was stopped.
"""

import json
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import tyro

from experiments.settings import Settings, SettingsError

if TYPE_CHECKING:
    import optuna

    from experiments.prepare import Parts

Space = dict[str, tuple[float, float]]

# What is searched, from where to where, all on a logarithmic scale. Rate and threshold of `paper` have the paper's
# ranges, but for the rate of ff: its direction is a mean over images and units, HebbFF's the sum over images, so a step
# of HebbFF with rate 1e-4 is one of ff with rate 13 in a layer of 2048 units.
_LABEL_SCALE = {"label_scale": (0.05, 5.0)}
SPACES: dict[tuple[str, str], Space] = {
    ("paper", "hebbff"): {"lr": (1e-6, 1.0), "theta": (1e-6, 10.0), **_LABEL_SCALE},
    ("paper", "ff"): {"lr": (1e-4, 100.0), "theta": (1e-6, 10.0), **_LABEL_SCALE},
    ("paper", "bp"): {"lr": (1e-6, 1.0)},
    ("quick", "hebbff"): {"lr": (1e-4, 0.1), "scale": (1.0, 300.0), **_LABEL_SCALE},
    ("quick", "ff"): {"lr": (1e-5, 0.01), "scale": (1.0, 300.0), **_LABEL_SCALE},
    ("quick", "bp"): {"lr": (1e-5, 0.01)},
}


@dataclass(frozen=True, kw_only=True)
class Search:
    """Find the settings that learn most in a short training, judged by validation images."""

    dataset: Literal["mnist", "fashion_mnist", "digits"] = "mnist"
    """The images."""

    data_dir: Path | None = None
    """Where the data lie; see `experiments/mnist.py --help`."""

    net: Literal["deep", "wide"] = "deep"
    """The network."""

    rule: Literal["ff", "hebbff", "bp"] = "hebbff"
    """The rule."""

    preset: Literal["paper", "quick"] = "paper"
    """The recipe whose open numbers are searched. paper: rate, threshold and label scale; quick: rate, steepness of the
    gate and label scale; the rate alone under backpropagation."""

    trials: int = 20
    """How many trials in all, those of earlier runs of the same search included."""

    epochs: int = 2
    """Epochs of a trial."""

    train_images: int = 10_000
    """Training images of a trial."""

    judged_images: int = 4_000
    """Validation images that judge a trial."""

    seed: int = 0
    """The key of the sampler and of every training."""

    out: Path = Path("searches")
    """The folder of the trials (`hebbff_mlp.db`) and of the best settings of each search (`<name>.json`)."""

    @property
    def name(self) -> str:
        """What tells searches apart: trials of another length, or judged by other images, are no trials of this one."""
        length = f"{self.epochs}x{self.train_images}-by{self.judged_images}-seed{self.seed}"
        return f"{self.dataset}-{self.net}-{self.rule}-{self.preset}-{length}"

    @property
    def space(self) -> Space:
        """Range of each number that is searched."""
        return SPACES[self.preset, self.rule]

    @property
    def command(self) -> str:
        """The command that gives this search."""
        asked = {name: getattr(self, name) for name in ("dataset", "net", "rule", "preset", "trials")}
        asked |= {name: getattr(self, name) for name in ("epochs", "train_images", "judged_images", "seed")}
        options = [part for name, value in asked.items() for part in (f"--{name.replace('_', '-')}", str(value))]
        return shlex.join(["python", "experiments/search.py", *options])

    def settings(self) -> Settings:
        """The settings of a trial's training."""
        return Settings(
            dataset=self.dataset,
            data_dir=self.data_dir,
            net=self.net,
            labels="layerwise",
            rule=self.rule,
            preset=self.preset,
            inference="goodness",
            evaluate_on="validation",
            epochs=self.epochs,
            train_images=self.train_images,
            seed=self.seed,
        )


def search(asked: Search) -> dict[str, Any]:
    """Do the trials that are missing and write what was found to `<out>/<name>.json`.

    Returns:
        the content of that file: the command, the best settings, their accuracy on validation images, all trials.

    Raises:
        SettingsError: Optuna is not installed, or the settings cannot be run.
        DataError: the data cannot be had.
    """
    try:
        import optuna
    except ImportError as error:
        raise SettingsError('the search needs Optuna: pip install -e ".[search]"') from error
    from experiments.prepare import prepare

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    parts = prepare(asked.settings())
    asked.out.mkdir(parents=True, exist_ok=True)
    storage = f"sqlite:///{asked.out / 'hebbff_mlp.db'}"
    study = optuna.create_study(storage=storage, study_name=asked.name, direction="maximize", load_if_exists=True)
    if not study.trials:
        study.enqueue_trial(_start(asked, parts))
    done = len([trial for trial in study.trials if trial.state.is_finished()])
    # Keyed by how many are done: a search that was cut off and goes on does not draw its first trials again.
    study.sampler = optuna.samplers.TPESampler(seed=asked.seed + done, n_startup_trials=max(4, asked.trials // 3))
    study.optimize(lambda trial: _trial(asked, parts, trial), n_trials=max(0, asked.trials - done))
    found = {
        "command": asked.command,
        "dataset": parts.train.name,
        "judged_on": f"{min(asked.judged_images, len(parts.judged))} validation images",
        "best": study.best_params,
        "accuracy": study.best_value,
        "trials": [trial.params | {"accuracy": trial.value} for trial in study.trials if trial.state.is_finished()],
    }
    (asked.out / f"{asked.name}.json").write_text(json.dumps(found, indent=2) + "\n")
    return found


def _trial(asked: Search, parts: "Parts", trial: "optuna.Trial") -> float:
    """Train once with the numbers that the trial suggests, and judge by validation images."""
    drawn = {name: trial.suggest_float(name, *bounds, log=True) for name, bounds in asked.space.items()}
    accuracy = accuracy_with(parts, drawn, asked.judged_images)
    shown = ", ".join(f"{name} {value:.3g}" for name, value in drawn.items())
    print(f"trial {trial.number + 1} of {asked.trials}: {100 * accuracy:.2f} % with {shown}", flush=True)
    return accuracy


def _start(asked: Search, parts: "Parts") -> dict[str, float]:
    """The numbers of the recipe as it is: the first trial."""
    of_recipe = {"lr": parts.recipe.lr, "theta": parts.recipe.theta or 1.0, "scale": parts.recipe.scale}
    of_recipe |= {"label_scale": parts.recipe.model_options.get("label_scale", 1.0)}
    return {name: min(max(of_recipe[name], low), high) for name, (low, high) in asked.space.items()}


def accuracy_with(parts: "Parts", numbers: dict[str, float], judged_images: int) -> float:
    """Accuracy on the first judged images after a training with these numbers in the recipe; 0 where it diverges."""
    from dataclasses import replace

    from convff.rules.bp import BackpropStep
    from experiments import judge
    from experiments.runner import DivergedError, stop_if_diverged

    numbers = dict(numbers)
    options = dict(parts.recipe.model_options)
    if "label_scale" in numbers:
        options["label_scale"] = numbers.pop("label_scale")
    parts = replace(parts, recipe=replace(parts.recipe, model_options=options, **numbers))  # type: ignore[arg-type]
    net = parts.new_net()
    trainer = parts.new_trainer(net, None)
    try:
        for record in trainer.fit(parts.train):
            stop_if_diverged(record)
    except DivergedError:
        return 0.0
    judged = parts.judged.part(0, judged_images)
    if isinstance(trainer.step, BackpropStep):
        return judge.judge_head(replace(parts, judged=judged), net, trainer.step.head)[0]
    return judge.judge_goodness(parts, net, judged).accuracy


def main(asked: Search) -> None:
    """Search and print what was found; exits with 2 where something cannot be run."""
    from convff.allocator import keep_freed_memory
    from experiments.datasets import DataError

    keep_freed_memory()
    try:
        found = search(asked)
    except (SettingsError, DataError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    best = ", ".join(f"{name} {value:.3g}" for name, value in found["best"].items())
    print(f"{asked.name}: best of {len(found['trials'])} trials {100 * found['accuracy']:.2f} % with {best}")


if __name__ == "__main__":
    main(tyro.cli(Search, description=__doc__))
