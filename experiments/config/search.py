"""Options of `experiments/search.py`: the numbers that it searches, their ranges and the first trials.

Imports no torch.
"""

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from experiments.config.ranges import check_ranges, option
from experiments.config.settings import Settings, SettingsError

Space = dict[str, tuple[float, float]]

# The range of each number, on a logarithmic scale. Rate and threshold of `paper` have the paper's ranges, except the
# rate of ff: its direction is a mean over images and units, HebbFF's the sum over images, so a step of HebbFF with rate
# 1e-4 equals one of ff with rate 13 in a layer of 2048 units.
_LABEL_SCALE = {"label_scale": (0.05, 5.0)}
SPACES: dict[tuple[str, str], Space] = {
    ("paper", "hebbff"): {"lr": (1e-6, 1.0), "theta": (1e-6, 10.0), **_LABEL_SCALE},
    ("paper", "ff"): {"lr": (1e-4, 100.0), "theta": (1e-6, 10.0), **_LABEL_SCALE},
    ("paper", "bp"): {"lr": (1e-6, 1.0)},
    ("quick", "hebbff"): {"lr": (1e-4, 0.1), "scale": (1.0, 300.0), **_LABEL_SCALE},
    ("quick", "ff"): {"lr": (1e-5, 0.01), "scale": (1.0, 300.0), **_LABEL_SCALE},
    ("quick", "bp"): {"lr": (1e-5, 0.01)},
}
# The first trials: these numbers, and the same with a higher and a lower rate.
STARTS = {"theta": 1.0, "scale": 30.0, "label_scale": 0.3}
STARTING_RATES = {
    ("paper", "hebbff"): 3e-5,
    ("paper", "ff"): 3.0,
    ("paper", "bp"): 0.1,
    ("quick", "hebbff"): 1e-2,
    ("quick", "ff"): 1e-3,
    ("quick", "bp"): 1e-3,
}


@dataclass(frozen=True, kw_only=True)
class Search:
    """Find the settings that learn most in a short training, judged by validation images."""

    dataset: Literal["mnist", "fashion_mnist", "digits"] = "mnist"
    """The images."""

    data_dir: Path | None = None
    """Folder of the data; see `experiments/mnist.py --help`."""

    net: Literal["deep", "wide"] = "deep"
    """The network."""

    rule: Literal["ff", "hebbff", "bp"] = "hebbff"
    """The rule."""

    preset: Literal["paper", "quick"] = "paper"
    """The recipe whose open numbers are searched. paper: rate, threshold and label scale; quick: rate, steepness of the
    gate and label scale; the rate alone under backpropagation."""

    trials: int = 20
    """Number of trials in all, including those of earlier runs of the same search."""

    epochs: int = 3
    """Epochs per trial; a trial stops after an epoch in which it is worse than most or, from half of them on, has
    learnt nothing."""

    train_images: int = 12_000
    """Training images per trial."""

    judged_images: int = 2_000
    """Validation images that judge a trial."""

    also: tuple[Path, ...] = ()
    """Results of other searches to try too, e.g. those of short trials in long ones. From a search of the other rule,
    ff or hebbff, the rate is converted so that the first layer takes the same step."""

    seed: int = 0
    """Seed of the sampler and of every training."""

    out: Path = Path("searches")
    """Folder for the trials (`hebbff_mlp.db`) and for the best settings of each search (`<name>.json`)."""

    @property
    def name(self) -> str:
        """The name: searches with trials of another length, or judged by other images, have another one.

        Example:
            >>> Search(net="wide", epochs=2).name
            'mnist-wide-hebbff-paper-2x12000-by2000-seed0'
        """
        length = f"{self.epochs}x{self.train_images}-by{self.judged_images}-seed{self.seed}"
        return f"{self.dataset}-{self.net}-{self.rule}-{self.preset}-{length}"

    @property
    def space(self) -> Space:
        """The range of each number that is searched.

        Example:
            >>> Search(rule="bp").space
            {'lr': (1e-06, 1.0)}
        """
        return SPACES[self.preset, self.rule]

    @property
    def command(self) -> str:
        """The command that repeats this search."""
        asked = {name: getattr(self, name) for name in ("dataset", "net", "rule", "preset", "trials")}
        asked |= {name: getattr(self, name) for name in ("epochs", "train_images", "judged_images", "seed")}
        options = [part for name, value in asked.items() for part in (option(name), str(value))]
        options += ["--also", *(path.as_posix() for path in self.also)] if self.also else []
        return shlex.join(["python", "experiments/search.py", *options])

    def settings(self) -> Settings:
        """Return the settings of a trial's training.

        Raises:
            SettingsError: a number is out of its range, or a folder cannot be used.

        Example:
            >>> Search(rule="bp").settings().evaluate_on
            'validation'
        """
        for name in ("trials", "judged_images"):
            if getattr(self, name) < 1:
                raise SettingsError(f"{option(name)} must be at least 1, got {getattr(self, name)}")
        settings = Settings(
            dataset=self.dataset,
            data_dir=self.data_dir,
            require_data=True,  # never tune presets on stand-in data
            net=self.net,
            labels="layerwise",
            rule=self.rule,
            preset=self.preset,
            inference=("goodness",),
            evaluate_on="validation",
            epochs=self.epochs,
            train_images=self.train_images,
            seed=self.seed,
            out=self.out,
        )
        check_ranges(settings)
        return settings
