"""The settings of a run, as in `settings.json`. Imports no torch, so that `--help` is quick."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from experiments.config.choices import (
    ContrastName,
    DatasetName,
    EngineName,
    EvaluationName,
    LabelName,
    ModelName,
    NetName,
    PlaceName,
    PresetName,
    RuleName,
    StabiliserName,
)
from experiments.config.overrides import Overrides
from experiments.config.rule_options import NetworkOptions, RuleOptions
from experiments.config.values import typed_fields

RENAMED: dict[str, PresetName] = {"best": "long"}  # presets
LABELS_APART = ("stream", "beside")  # places where labels are images of their own
SETTLING = ("recurrent_mlp", "recurrent_local")  # networks that settle
LABEL_FREE_RULES = ("local_head", "softhebb", "ghl", "recurrent")  # rules under which no image carries a label
OWN_NETS = ("deephebb", "fasthebb", "resnet_he", *SETTLING)  # networks of such rules
LABEL_FREE = {*LABEL_FREE_RULES, *(("bp", net) for net in OWN_NETS)}  # or backpropagation in their networks


@dataclass(frozen=True, kw_only=True)
class Settings(Overrides, RuleOptions, NetworkOptions):
    """Train a network without backpropagation on labelled images, and report what it learnt."""

    labels: LabelName = "fourier"
    """How the label enters the image."""

    label_at: PlaceName = "image"
    """Where the label meets the activity; see `experiments.config.command_line.Asked`."""

    rule: RuleName = "ff"
    """How a layer learns. ff: Forward-Forward; hebbff: its Hebbian form; softhebb: without labels; ghl: Hebbian
    steps, signs of the gradient; recurrent: FF while a network settles; or a baseline: local_head, a linear classifier
    per block, or bp, backpropagation."""

    contrast: ContrastName | None = None
    """What goes through the network in a step. Default: the contrast of the rule."""

    preset: PresetName = "quick"
    """smoke: 30 s; quick: 5 min on two CPU cores; paper: the paper's setting; long: 30 min (its old name is best)."""

    inference: tuple[EvaluationName, ...] = ("both",)
    """How the network is judged. both: by all evaluations of the rule; goodness: without the linear readout; linear: by
    the readout alone; or evaluations by name, also in addition to these words."""

    dataset: DatasetName = "cifar10"
    """The data set; folder: your own images, DATA_DIR/train/<class>/* and DATA_DIR/test/<class>/*, or without these
    two DATA_DIR/<class>/*, which is then split."""

    data_dir: Path | None = None
    """The only folder (or archive of images) to search. Default: $CONVFF_DATA, ./data, a download, a stand-in."""

    require_data: bool = False
    """Exit with code 2 if the data cannot be found, instead of using the drawn stand-in."""

    image_size: tuple[int, ...] | None = None
    """With --dataset folder: each image becomes its middle part of N x N pixels, or with two numbers of this height and
    width. Default: small images of one size as they are, others 64."""

    on_bad_image: Literal["stop", "skip"] = "stop"
    """With --dataset folder: stop if an image cannot be read, or skip it and name it in the report."""

    evaluate_on: Literal["test", "validation"] = "test"
    """validation (the last 5,000 training images, then held out) to choose settings; test to report."""

    label_scale: float | None = None
    """Dense networks with the label at every layer: length of the label relative to the activity beside it."""

    model: ModelName | None = None
    """The network."""

    net: NetName | None = None
    """The HebbFF paper's dense networks: deep, 784-2048-1024-512-256-10, or wide, 784-2000-2000-10; greedy,
    784-512-512, whose layers learn one after another; hinton, his supervised networks of 3 x 1000 and 4 x 2000; or his
    unsupervised ones: local, with fields without shared weights, or dense, 4 x 2000."""

    width: int | None = None
    """Filters (or units) of the first layer; the other layers keep their ratio to it."""

    widths: tuple[int, ...] | None = None
    """Filters (or units) of every layer, which also sets their number; for resnet, of every stage."""

    pool_after: tuple[int, ...] | None = None
    """cnn6: the layers, counted from 1, after which maps are halved; without a number, none."""

    skip: bool = False
    """cnn6: each layer sees the activity of the last two layers, concatenated."""

    whiten: bool = False
    """cnn6: the first layer sees whitened patches of 3 x 3 pixels; the whitening is fitted to images without labels."""

    stabilise: tuple[StabiliserName, ...] = ()
    """Stabilisers, which keep weights from growing without bound; one or several."""

    stabiliser_strength: float | None = None
    """Strength of every stabiliser named. Default: each one's own."""

    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """Precision of activities; auto takes bfloat16 if the hardware is fast at it."""

    engine: EngineName = "closed"
    """How a rule finds its direction: in closed form, or by automatic differentiation (slower, the same result)."""

    compile: bool = False
    """Fuse the arithmetic between convolutions with torch.compile: seconds to compile, then faster steps."""

    device: str = "auto"
    """cpu, cuda, cuda:1, mps (never tested), ...; auto takes CUDA if it can. Under torchrun, cuda is each one's own."""

    seed: int = 0
    """Seed of every random draw."""

    seeds: int = 1
    """Repeat with this many seeds, counted up from --seed, and report mean and standard deviation."""

    out: Path = Path("runs")
    """Folder in which each run makes its own."""

    report: bool = True
    """Write report.html at the end, one file that says what the run has found."""

    tensorboard: bool = False
    """Write what metrics.csv gets as scalars into the run's folder tensorboard/ too; needs convff[tensorboard]."""

    resume: Path | None = None
    """Continue this run, with its settings; with --epochs N, train it on to N epochs in all."""

    @property
    def takes_labels(self) -> bool:
        """Whether labels are put into images or are images of their own; `labels` then names them."""
        return self.label_at in ("image", *LABELS_APART) and not {self.rule, (self.rule, self.model)} & LABEL_FREE

    @property
    def label_name(self) -> str:
        """The name of the labels in reports: their family, their place if not in the image, or "none".

        Example:
            >>> Settings().label_name, Settings(label_at="output").label_name, Settings(rule="local_head").label_name
            ('fourier', 'output', 'none')
        """
        if {self.rule, (self.rule, self.model)} & LABEL_FREE:
            return "none"
        return self.labels if self.label_at == "image" else self.label_at

    def as_json(self) -> dict[str, Any]:
        """Return the settings as JSON values."""
        return {name: str(v) if isinstance(v, Path) else v for name, v in asdict(self).items() if name != "resume"}


def settings_from_json(saved: dict[str, Any]) -> Settings:
    """Return the settings from which `as_json` made these values.

    Raises:
        SettingsError: they are not a run's; the message names the setting.

    Example:
        >>> settings_from_json(Settings(seed=3).as_json()) == Settings(seed=3)
        True
    """
    try:
        old = {"preset": RENAMED.get(saved["preset"], saved["preset"])}
        return Settings(**typed_fields(Settings, saved | old, known=False))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise SettingsError(f"these are not the settings of a run: {error}") from error


class SettingsError(ValueError):
    """Settings that cannot be run; the message says which, and what is allowed."""
