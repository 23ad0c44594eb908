"""From settings to the parts of a run. All that can be refused is refused here, before anything is trained."""

import inspect
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import Any
from zlib import crc32

import torch

from convff import (
    GATES,
    MODELS,
    RULES,
    STABILISERS,
    Checkpoint,
    ImageData,
    LayerLocalNet,
    LinearReadout,
    RandomNegatives,
    Stabilised,
    Trainer,
)
from convff.gates import GOODNESS
from convff.labelling import LearningLabels
from convff.machine.precision import fastest_precision
from convff.machine.processes import LostProcessError, OneProcess, Processes
from convff.rules import Autograd
from convff.rules.base import NetworkRule
from convff.training.augment import AUGMENTATIONS
from experiments.config.presets.image_nets import recipe_for
from experiments.config.recipe import Recipe
from experiments.config.settings import Settings, SettingsError
from experiments.datasets import DataError, Dataset, load_dataset
from experiments.label_sets.choice import CHOOSABLE, choose
from experiments.run.devices import device_named
from experiments.run.torchrun import local_rank
from labels import LABELS, LabelGenerator, labels_from_spec

CURVE_IMAGES = 1000
LEAST_IMAGES = 10


@dataclass(frozen=True, eq=False)
class Parts:
    """Everything that a run works with.

    Args:
        settings: what was asked.
        recipe: the numbers that the settings lead to.
        dataset: where the images came from.
        train: the images to learn from.
        validation: training images held out: for the learning curve, and for `--evaluate-on validation`.
        judged: the images that the run is judged by.
        labels: the label generator.
        device: where the run computes.
        precision: of the activities.
        processes: who shares each batch.
    """

    settings: Settings
    recipe: Recipe
    dataset: Dataset
    train: ImageData
    validation: ImageData
    judged: ImageData
    labels: LabelGenerator
    device: torch.device
    precision: str
    processes: Processes = field(default_factory=OneProcess)

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Shape of the network's input: an image and the label channels that the labels may add."""
        channels, height, width = self.train.shape
        return self.labels.channels(channels), height, width

    @property
    def goodness(self) -> Callable[[torch.Tensor], torch.Tensor]:
        """The goodness that the rule trains and inference adds up; HebbFF has the mean, whatever the recipe says."""
        return GOODNESS["mean" if self.settings.rule == "hebbff" else self.recipe.reduction]

    @property
    def model_options(self) -> dict[str, Any]:
        """The recipe's options of the model, and the label channels that the labels want repeated for every block."""
        repeated = getattr(self.labels, "repeated_channels", 0)
        return self.recipe.model_options | ({"label_channels": repeated} if repeated else {})

    def new_net(self) -> LayerLocalNet:
        """A network with the initial weights of this run's seed; the same at every call."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.settings.seed)
            net = MODELS[self.recipe.model](self.input_shape, **self.model_options)
        return net.to(self.device).to(memory_format=torch.channels_last)

    def first_block(self, net: LayerLocalNet) -> int:
        """Index of the first block of a network that inference looks at: the recipe's, where there are so many."""
        return min(self.recipe.first_block, len(net) - 1)

    def new_readout(self, net: LayerLocalNet, *, every_position: bool = False) -> LinearReadout:
        """An untrained readout of a network."""
        grid = None if every_position else self.recipe.readout_grid
        return LinearReadout(net, self.labels, self.train.shape, first=self.first_block(net), grid=grid)

    def new_trainer(self, net: LayerLocalNet, readout: LinearReadout | None) -> Trainer:
        """The trainer of this run's rule; trains the readout beside the blocks if one is given."""
        rule = self._rule()
        return Trainer(
            net,
            self.labels,
            rule,
            schedule=self.recipe.schedule(),
            negatives=None if isinstance(rule, NetworkRule) else RandomNegatives(self.recipe.negatives),
            augment=AUGMENTATIONS[self.recipe.augment],
            readout=readout,
            seed=self.settings.seed,
            precision=self.precision,
            processes=self.processes,
            compiled=self.settings.compile,
        )

    def _rule(self) -> Any:
        theta = {} if self.recipe.theta is None else {"theta": self.recipe.theta}
        gate = build(f"gate {self.recipe.gate}", GATES[self.recipe.gate], {"scale": self.recipe.scale, **theta})
        make = RULES[self.settings.rule]
        asked: dict[str, Any] = {}
        if "gate" in inspect.signature(make).parameters:
            asked = {"gate": gate} | ({} if self.recipe.reduction == "mean" else {"reduction": self.recipe.reduction})
        rule = build(f"rule {self.settings.rule}", make, asked)
        if self.settings.engine == "autograd":
            rule = Autograd(rule=rule)
        if not self.settings.stabilise:
            return rule
        strength = self.settings.stabiliser_strength
        options = {} if strength is None else {"strength": strength}
        return Stabilised(
            rule=rule, stabilisers=tuple(STABILISERS[name](**options) for name in self.settings.stabilise)
        )


def build(what: str, make: Callable[..., Any], asked: dict[str, Any], offered: dict[str, Any] | None = None) -> Any:
    """Call `make` with all options asked for, and with those facts offered that it takes.

    A new rule or label family so needs no branch here, and no option is dropped in silence.

    Raises:
        ValueError: `make` does not take an option that was asked for.

    Example:
        >>> from labels import OneHotLabels
        >>> build("labels onehot", OneHotLabels, {"intensity": 0.5}, {"num_classes": 3})
        Traceback (most recent call last):
        ...
        ValueError: labels onehot takes no option intensity; its options are num_classes, value
    """
    known = inspect.signature(make).parameters
    if unknown := [name for name in asked if name not in known]:
        options = ", ".join(known) or "none"
        raise ValueError(f"{what} takes no option {', '.join(unknown)}; its options are {options}")
    return make(**{name: value for name, value in (offered or {}).items() if name in known} | asked)


def prepare(settings: Settings, dataset: Dataset | None = None, processes: Processes | None = None) -> Parts:
    """Load the data and build what can fail on them.

    Args:
        settings: what was asked.
        dataset: the settings' data, where they are loaded already.
        processes: who shares each batch; this process alone if left out.

    Raises:
        SettingsError: settings that do not fit the data, the machine or each other.
        DataError: data that cannot be had or cannot be read, or that are not the same in every process.
        LostProcessError: another process is gone.
    """
    device = device_named(settings.device)
    processes = processes or OneProcess()
    recipe = recipe_for(settings)
    _refuse_idle_options(settings, recipe)
    if dataset is None:
        dataset = _load(settings, processes)
    train, validation, judged = _split(dataset, settings, recipe)
    precision = fastest_precision(device) if settings.precision == "auto" else settings.precision
    try:
        settings = _with_selection(settings, train)
        labels = _labels(settings, recipe, train)
        train, validation, judged = train.to(device), validation.to(device), judged.to(device)
        parts = Parts(settings, recipe, dataset, train, validation, judged, labels, device, precision, processes)
        _try_one_step(parts)
    except LostProcessError:  # a RuntimeError, but no fault of the settings
        raise
    except (ValueError, RuntimeError, OverflowError) as error:
        raise SettingsError(f"{train.name}, {train.num_classes} classes, images {train.shape}: {error}") from error
    return parts


def _load(settings: Settings, processes: Processes) -> Dataset:
    """The data set, which must be the same in every process."""
    if local_rank():
        processes.wait()  # for the first process of this machine: what that one downloads, the others find
    dataset = load_dataset(settings.dataset, settings.data_dir, require=settings.require_data)
    if not local_rank():
        processes.wait()
    if processes.size > 1:
        _refuse_different_data(dataset, processes)
    return dataset


def _refuse_different_data(dataset: Dataset, processes: Processes) -> None:
    """Else one process could learn from stand-ins while rank 0 reports the real data."""
    train = dataset.train
    facts = {
        "name": train.name,
        "stand-in": dataset.is_stand_in,
        "training images": len(train),
        "checksum": crc32(train.classes.numpy().data, crc32(train.images.contiguous().numpy().data)),
    }
    everyones = processes.gather(facts)
    differing = [name for name in facts if any(other[name] != facts[name] for other in everyones)]
    if differing:
        found = [
            f"process {rank}: {', '.join(f'{name} {other[name]}' for name in differing)}"
            for rank, other in enumerate(everyones)
        ]
        raise DataError(
            f"the processes loaded different data, but must all have the same: {'; '.join(found)}. "
            f"Process {processes.rank} took {dataset.source}"
        )


def _with_selection(settings: Settings, data: ImageData) -> Settings:
    """The same settings; where set 1 has too few labels for the data and none were asked for, with optimised ones."""
    family = CHOOSABLE.get(settings.labels)
    if settings.label_selection or family is None or family.has_set_1(data.num_classes, data.shape[1:]):
        return settings
    return replace(settings, label_selection="optimised")


def _labels(settings: Settings, recipe: Recipe, data: ImageData) -> LabelGenerator:
    """The label generator: of set 1, or of labels chosen out of candidates."""
    if settings.label_selection is None:
        offered = {
            "num_classes": data.num_classes,
            "image_size": data.shape[1:],
            "intensity": recipe.intensity,
            "seed": settings.seed,
        }
        asked = {} if settings.label_intensity is None else {"intensity": settings.label_intensity}
        labels: LabelGenerator = build(f"labels {settings.labels}", LABELS[settings.labels], asked, offered)
        return labels
    return choose(
        settings.labels,
        settings.label_selection,
        num_classes=data.num_classes,
        image_size=data.shape[1:],
        kernel_size=_kernel_size(recipe),
        intensity=recipe.intensity,
        seed=settings.seed,
    ).labels


def untrained(parts: Parts) -> Parts:
    """The same parts, with labels as they were before any training."""
    if not isinstance(parts.labels, LearningLabels):
        return parts
    return replace(parts, labels=_labels(parts.settings, parts.recipe, parts.train))


def with_labels_of(parts: Parts, checkpoint: Checkpoint) -> Parts:
    """The same parts, with the labels of a finished run: where labels learn, they are as the training left them."""
    return replace(parts, labels=labels_from_spec(checkpoint.notes["labels"]))


def _kernel_size(recipe: Recipe) -> int:
    """Side of the first filters; of a network without filters, that of the paper's, which is the largest."""
    known = inspect.signature(MODELS[recipe.model]).parameters
    size: int = recipe.model_options.get("kernel", known["kernel"].default if "kernel" in known else 7)
    return size


def _refuse_idle_options(settings: Settings, recipe: Recipe) -> None:
    """An option that would change nothing is a misunderstanding: say so instead of recording it."""
    takes_intensity = "intensity" in inspect.signature(LABELS[settings.labels]).parameters
    takes_theta = "theta" in inspect.signature(GATES[recipe.gate]).parameters
    takes_label_scale = (
        settings.labels == "layerwise" and "label_scale" in inspect.signature(MODELS[recipe.model]).parameters
    )
    idle = {
        "net": settings.model not in (None, "mlp") and f"--model {settings.model} is another network",
        "label_scale": not takes_label_scale and "it is for dense networks with --labels layerwise",
        "label_intensity": not takes_intensity and f"--labels {settings.labels} has no intensity",
        "label_selection": settings.labels not in CHOOSABLE
        and f"--labels {settings.labels} has no candidates ({', '.join(CHOOSABLE)} have)",
        "theta": not takes_theta and f"the {recipe.gate} gate has no threshold (--gate threshold has)",
    }
    if not settings.stabilise:
        idle["stabiliser_strength"] = "--stabilise names no stabiliser"
    if settings.rule == "bp":
        idle |= dict.fromkeys(("gate", "scale", "theta", "negatives"), "--rule bp has neither gates nor wrong labels")
        idle["stabilise"] = "--rule bp has no Hebbian direction to stabilise"
        idle |= dict.fromkeys(("candidates", "compile", "engine"), "--rule bp has neither local steps nor goodness")
    if settings.inference == "linear":
        idle["candidates"] = "--inference linear tries no labels"
    for name, reason in idle.items():
        value = getattr(settings, name)
        if reason and value != getattr(Settings, name):
            given = " ".join(value) if isinstance(value, tuple) else value
            raise SettingsError(f"--{name.replace('_', '-')} {given} would change nothing: {reason}")


def _split(dataset: Dataset, settings: Settings, recipe: Recipe) -> tuple[ImageData, ImageData, ImageData]:
    """Training images, validation images held out from them, and the images that the run is judged by."""
    total = len(dataset.train)
    on_validation = settings.evaluate_on == "validation"
    held_out = min(recipe.validation_images if on_validation else CURVE_IMAGES, total // 5)
    if total < LEAST_IMAGES:
        raise DataError(f"{dataset.source}: there are {total} training images; at least {LEAST_IMAGES} are needed")
    train, validation = dataset.train.part(0, total - held_out), dataset.train.part(total - held_out, None)
    judged = validation if on_validation else dataset.test
    return train.part(0, recipe.train_images), validation, judged.part(0, recipe.test_images)


def _try_one_step(parts: Parts) -> None:
    """Two images through a throw-away network, with throw-away labels: what does not fit fails now."""
    # Compiling takes long, and another time for the batches of the training.
    parts = replace(parts, labels=deepcopy(parts.labels), settings=replace(parts.settings, compile=False))
    net = parts.new_net()
    parts.new_readout(net)
    two = parts.train.part(0, 2)
    parts.new_trainer(net, None).epoch(two, 0)
