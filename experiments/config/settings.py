"""What a run is asked to do: the command line and `settings.json`. Imports no torch, so that `--help` is quick."""

import math
import os
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import tyro

LabelName = Literal["onehot", "fourier", "morph", "channel", "layerwise", "echo", "learned"]
SelectionName = Literal["optimised", "random"]
RuleName = Literal["ff", "hebbff", "bp"]
PresetName = Literal["smoke", "quick", "paper", "best"]
ModelName = Literal["cnn3", "cnn6", "mlp"]
DatasetName = Literal["mnist", "fashion_mnist", "cifar10", "cifar100", "folder", "digits", "stand_in"]
NetName = Literal["deep", "wide"]
GateName = Literal["threshold", "symmetric", "softmax"]
OptimizerName = Literal["adam", "sgd", "relative"]
AugmentName = Literal["none", "flips"]
EngineName = Literal["closed", "autograd"]
StabiliserName = Literal["decay", "oja", "bcm", "weight_norm"]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Train a network without backpropagation on labelled images, and report what it learnt."""

    labels: LabelName = "fourier"
    """How the label enters the image."""

    rule: RuleName = "ff"
    """How a layer learns: Forward-Forward, Hebbian Forward-Forward, or backpropagation as the yardstick."""

    preset: PresetName = "quick"
    """smoke: 30 s; quick: 5 min on two CPU cores; paper: the paper's setting; best: our own longest recipe."""

    inference: Literal["goodness", "linear", "both"] = "both"
    """Try every label and compare goodness; read the activity with a linear classifier; or both."""

    dataset: DatasetName = "cifar10"
    """The images; "folder" is your own: DATA_DIR/train/<class>/* and DATA_DIR/test/<class>/*."""

    data_dir: Path | None = None
    """Where the data lie, and nowhere else. Left out: $CONVFF_DATA, then ./data, a download, a drawn stand-in."""

    require_data: bool = False
    """Stop with exit code 2 where the data cannot be had, instead of using the drawn stand-in."""

    evaluate_on: Literal["test", "validation"] = "test"
    """Choose settings on "validation" (the last 5,000 training images, held out then); report on "test"."""

    candidates: int | None = None
    """Goodness inference tries only so many labels an image, the readout's best ones. 0: every label."""

    label_intensity: float | None = None
    """The label's share K of the intensity, in [0, 1]."""

    label_scale: float | None = None
    """Dense networks with the label at every layer: length of the label over that of the activity beside it."""

    label_selection: SelectionName | None = None
    """Fourier and morph: take the labels out of 2,000 candidates drawn by --seed, so that the largest correlation of
    any two is smallest, or by chance. Left out: the fixed set 1, or "optimised" for more classes than that has."""

    model: ModelName | None = None
    """The network."""

    net: NetName | None = None
    """The HebbFF paper's dense networks: deep, 784-2048-1024-512-256-10, or wide, 784-2000-2000-10."""

    width: int | None = None
    """Filters (or units) of the first layer; the other layers keep their ratio to it."""

    gate: GateName | None = None
    """How goodness becomes a signed weight."""

    scale: float | None = None
    """Steepness of the gate."""

    theta: float | None = None
    """Threshold of the threshold gate."""

    stabilise: tuple[StabiliserName, ...] = ()
    """What keeps weights from growing without bound, beside the rule; one or several."""

    stabiliser_strength: float | None = None
    """Strength of every stabiliser named. Left out: each one's own."""

    negatives: int | None = None
    """Wrong labels an image in each step."""

    augment: AugmentName | None = None
    """How training images are varied."""

    optimizer: OptimizerName | None = None
    """How directions become steps."""

    lr: float | None = None
    """Learning rate."""

    momentum: float | None = None
    """Momentum, or Adam's first beta."""

    batch_size: int | None = None
    """Images a step."""

    epochs: int | None = None
    """Passes over the training images."""

    train_images: int | None = None
    """Use only the first so many training images."""

    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """Of the activities; auto takes bfloat16 where the hardware is fast at it."""

    engine: EngineName = "closed"
    """How a rule finds its direction: in closed form, or by automatic differentiation (slower, the same result)."""

    compile: bool = False
    """Fuse the arithmetic between convolutions by torch.compile: seconds to compile, then faster steps."""

    device: str = "auto"
    """cpu, cuda, cuda:1, mps (Apple; never tested), ...; auto takes CUDA where it is, else the CPU. Under torchrun cuda
    is each process's own GPU."""

    seed: int = 0
    """The key of every random draw."""

    seeds: int = 1
    """Repeat with this many seeds, counted up from --seed, and report mean and standard deviation."""

    out: Path = Path("runs")
    """The folder in which each run makes its own."""

    def as_json(self) -> dict[str, Any]:
        """The settings as JSON can hold them."""
        return {name: str(value) if isinstance(value, Path) else value for name, value in asdict(self).items()}


def settings_from_json(saved: dict[str, Any]) -> Settings:
    """The settings that `as_json` gave.

    Example:
        >>> settings_from_json(Settings(seed=3).as_json()) == Settings(seed=3)
        True
    """
    # JSON has neither paths nor tuples; runs of before there were stabilisers have none.
    paths = {name: Path(saved[name]) for name in ("out", "data_dir") if saved[name] is not None}
    return Settings(**(saved | paths | {"stabilise": tuple(saved.get("stabilise", ()))}))


def labels_in_words(family: str, selection: str | None) -> str:
    """The label family, and how its labels were chosen if they are not of the fixed set.

    Example:
        >>> labels_in_words("morph", "random"), labels_in_words("morph", None)
        ('morph (random)', 'morph')
    """
    return family if selection is None else f"{family} ({selection})"


def rule_in_words(rule: str, stabilise: Iterable[str]) -> str:
    """The rule, and the stabilisers beside it.

    Example:
        >>> rule_in_words("hebbff", ("oja", "decay")), rule_in_words("ff", ())
        ('hebbff + oja + decay', 'ff')
    """
    return " + ".join((rule, *stabilise))


class SettingsError(ValueError):
    """Settings that cannot be run; the message says which, and what is allowed."""


LEAST = {
    "seeds": 1,
    "epochs": 1,
    "batch_size": 2,
    "negatives": 1,
    "train_images": 2,
    "width": 1,
    "candidates": 0,
    "stabiliser_strength": 0,
}


def check(settings: Settings) -> Settings:
    """Refuse settings that no run can follow.

    Raises:
        SettingsError: a number out of its range.

    Example:
        >>> check(Settings(label_intensity=2.0))
        Traceback (most recent call last):
        ...
        experiments.config.settings.SettingsError: --label-intensity must lie in [0, 1], not 2.0
    """
    intensity = settings.label_intensity
    if intensity is not None and not 0 <= intensity <= 1:
        raise SettingsError(f"--label-intensity must lie in [0, 1], not {intensity}")
    if settings.momentum is not None and not 0 <= settings.momentum < 1:
        raise SettingsError(f"--momentum must lie in [0, 1), not {settings.momentum}")
    for name in ("scale", "lr", "label_scale"):
        value = getattr(settings, name)
        if value is not None and not 0 < value < float("inf"):
            raise SettingsError(f"--{name.replace('_', '-')} must be positive, not {value}")
    if settings.theta is not None and not math.isfinite(settings.theta):
        raise SettingsError(f"--theta must be a finite number, not {settings.theta}")
    if len(set(settings.stabilise)) < len(settings.stabilise):
        raise SettingsError(f"--stabilise names a stabiliser twice: {' '.join(settings.stabilise)}")
    existing = next(place for place in (settings.out, *settings.out.absolute().parents) if place.exists())
    if not (existing.is_dir() and os.access(existing, os.W_OK)):
        raise SettingsError(f"--out {settings.out} cannot be made: {existing} is not a folder that can be written to")
    for name, least in LEAST.items():
        value = getattr(settings, name)
        if value is not None and value < least:
            raise SettingsError(f"--{name.replace('_', '-')} must be at least {least}, not {value}")
    return settings


def parse(default: Settings, description: str | None, arguments: list[str] | None = None) -> Settings:
    """Settings from the command line of a script; exits with 2 and a message where they are wrong.

    Numbers out of range are refused here already, before anything slow is imported.

    Args:
        default: what the script does if nothing is said.
        description: the head of its help.
        arguments: the command line; that of the process if left out.
    """
    settings = tyro.cli(Settings, default=default, args=arguments, description=description)
    try:
        return check(settings)
    except SettingsError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
