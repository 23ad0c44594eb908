"""What `experiments/search.py` is asked to do: what it searches, from where to where, and where it starts.

Imports no torch.
"""

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from experiments.config.settings import Settings

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

    epochs: int = 3
    """Epochs of a trial; one that is worse than most after an epoch, or has learnt nothing, ends there."""

    train_images: int = 12_000
    """Training images of a trial."""

    judged_images: int = 2_000
    """Validation images that judge a trial."""

    also: tuple[Path, ...] = ()
    """Files that other searches wrote: what they found is tried too, e.g. what short trials found in long ones. Of the
    other rule, ff or hebbff, the rate is taken that gives the first layer the same step."""

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
        options += ["--also", *(path.as_posix() for path in self.also)] if self.also else []
        return shlex.join(["python", "experiments/search.py", *options])

    def settings(self) -> Settings:
        """The settings of a trial's training."""
        return Settings(
            dataset=self.dataset,
            data_dir=self.data_dir,
            require_data=True,  # what a stand-in teaches is nothing that a preset should have
            net=self.net,
            labels="layerwise",
            rule=self.rule,
            preset=self.preset,
            inference=("goodness",),
            evaluate_on="validation",
            epochs=self.epochs,
            train_images=self.train_images,
            seed=self.seed,
        )
