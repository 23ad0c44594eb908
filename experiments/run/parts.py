"""From settings to the parts of a run. Everything that can be refused is refused here, before any training."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from convff import (
    INITIAL_WEIGHTS,
    MODELS,
    Checkpoint,
    Context,
    Contrast,
    ImageData,
    LayerLocalNet,
    LinearReadout,
    LostProcessError,
    OneProcess,
    Processes,
    RandomNegatives,
    TrainableLabels,
    Trainer,
    as_floats,
    fastest_precision,
    wants_scores,
)
from experiments.config.own import own_file
from experiments.config.presets import recipe_for
from experiments.config.recipe import Recipe
from experiments.config.settings import LABELS_APART, Settings, SettingsError
from experiments.datasets import Dataset
from experiments.run import data
from experiments.run.augmenting import augmentation_of
from experiments.run.building import told_by_data
from experiments.run.evaluate import Evaluator
from experiments.run.inference import evaluations_of
from experiments.run.joint_readout import new_joint_readout
from experiments.run.labels import label_family, new_labels, with_selection
from experiments.run.refusals import refuse_idle_options, refuse_whitened_labels
from experiments.run.rules import contrast_maker, new_contrast, new_negatives, new_rule, require_superclasses
from experiments.run.torchrun import device_named
from experiments.run.widths import with_fitting_widths
from labels import LabelGenerator, StreamLabels, labels_from_spec

WHITENING_IMAGES = 5000  # at most, for the first norm of a network that whitens its images


@dataclass(frozen=True, eq=False)
class Parts:
    """Everything that a run works with.

    Args:
        settings: the settings of the run.
        recipe: the numbers that the settings lead to.
        dataset: where the images came from.
        train: the images to learn from.
        validation: training images held out: for the learning curve, and for `--evaluate-on validation`.
        judged: the images that judge the run.
        labels: the label generator.
        rule: the rule.
        device: where the run computes.
        precision: precision of the activities.
        processes: the processes that share each batch.
    """

    settings: Settings
    recipe: Recipe
    dataset: Dataset
    train: ImageData
    validation: ImageData
    judged: ImageData
    labels: LabelGenerator
    rule: Any
    device: torch.device
    precision: str
    processes: Processes = field(default_factory=OneProcess)

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Shape of the network's input: an image and the label channels that the labels may add."""
        channels, height, width = self.train.shape
        return self.labels.channels(channels), height, width

    @property
    def portions(self) -> list[ImageData]:
        """The parts of the training images that are learnt from one after another, each by a whole training."""
        return data.portions_of(self.train, self.recipe.portions, self.settings.seed)

    @property
    def model_options(self) -> dict[str, Any]:
        """The recipe's model options, and the number of label channels to repeat for every block."""
        return self.recipe.model_options | told_by_data(self.recipe.model, self.labels)

    def new_net(self) -> LayerLocalNet:
        """Build a network with the initial weights of this run's seed; the same at every call."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.settings.seed)
            net = MODELS[self.recipe.model](self.input_shape, **self.model_options)
            INITIAL_WEIGHTS[self.recipe.init](net)
        if self.recipe.model_options.get("whiten"):
            self._fit_whitening(net)
        return net.to(self.device).to(memory_format=torch.channels_last)

    def _fit_whitening(self, net: LayerLocalNet) -> None:
        """Fit the first block's norm to training images from all over the set; classes and seed have no effect."""
        every = -(-len(self.train) // WHITENING_IMAGES)
        fit: Callable[[Tensor], None] = getattr(next(iter(net)).norm, "fit")  # noqa: B009
        fit(as_floats(self.train.images[::every].cpu()))

    def evaluator(self) -> Evaluator:
        """Return the evaluator of this run's networks."""
        recipe, make_contrast = self.recipe, contrast_maker(self.settings, self.rule)
        run = Context(
            rule=self.rule,
            labels=self.labels,
            train=self.train,
            precision=self.precision,
            first_block=recipe.first_block,
            first_scored=recipe.first_scored,
            readout_grid=recipe.readout_grid,
            readout_normalised=recipe.readout_normalised,
            readout_images=recipe.readout_images,
            readout_l2=recipe.readout_l2,
            candidates=recipe.candidates,
            seed=self.settings.seed,
        )
        return Evaluator(
            run=run,
            judged=self.judged,
            evaluations=evaluations_of(self.settings, self.rule),
            contrast=lambda labels: new_contrast(make_contrast, labels, RandomNegatives(), blurs=recipe.blurs),
            batch_size=recipe.batch_size,
        )

    def new_trainer(self, net: LayerLocalNet, readout: LinearReadout | None) -> Trainer:
        """Return the trainer of this run; it trains the readout beside the blocks if one is given.

        Where wrong labels are chosen by the scores of a readout, and none is given, it makes one.
        """
        contrast = self._contrast() if hasattr(self.rule, "direction") or hasattr(self.rule, "contrast") else None
        if readout is None and wants_scores(contrast):
            readout = self.joint_readout(net)
        return Trainer(
            net,
            self.labels,
            self.rule,
            schedule=self.recipe.schedule(),
            contrast=contrast,
            augment=augmentation_of(self.recipe.augment),
            readout=readout,
            seed=self.settings.seed,
            precision=self.precision,
            processes=self.processes,
            compiled=self.settings.compile,
            order=self.recipe.order,
            redraw=self.recipe.redraw,
            cache_gib=self.recipe.cache_gib,
        )

    def _contrast(self) -> Contrast:
        """Return the contrast, which makes the passes of each step."""
        negatives = new_negatives(self.recipe, self.train)
        return new_contrast(contrast_maker(self.settings, self.rule), self.labels, negatives, blurs=self.recipe.blurs)

    def joint_readout(self, net: LayerLocalNet) -> LinearReadout | None:
        """Return the readout that is trained beside the blocks of a network; None if the run has none."""
        return new_joint_readout(self.recipe, self.evaluator(), net)

    def untrained(self) -> tuple[LayerLocalNet, LabelGenerator]:
        """Return the network and the labels as they were before any training."""
        if not isinstance(self.labels, TrainableLabels):
            return self.new_net(), self.labels
        return self.new_net(), new_labels(self.settings, self.recipe, self.train)


def prepare(settings: Settings, dataset: Dataset | None = None, processes: Processes | None = None) -> Parts:
    """Load the data and build what can fail on them.

    Args:
        settings: the settings of the run.
        dataset: the settings' data, if already loaded.
        processes: the processes that share each batch; this process alone if omitted.

    Raises:
        SettingsError: the settings do not fit the data, the machine or each other.
        DataError: the data cannot be found or read, or differ between processes.
        LostProcessError: another process is gone.
    """
    device, processes = device_named(settings.device), processes or OneProcess()
    recipe = recipe_for(settings)
    try:
        bare = replace(settings, engine="closed", stabilise=(), stabiliser_strength=None)
        refuse_idle_options(settings, recipe, new_rule(bare, replace(recipe, theta=None), num_classes=2))
    except ValueError as error:
        raise SettingsError(str(error)) from error
    if dataset is None:
        dataset = data.load(settings, processes)
    recipe = data.suited_to(settings, recipe, dataset, quiet=processes.rank > 0)
    train, validation, judged = data.split(dataset, settings, recipe)
    asked = recipe.precision if settings.precision == "auto" else settings.precision
    precision = fastest_precision(device) if asked == "auto" else asked
    try:
        recipe = with_selection(settings, recipe, train)
        if recipe.coarse_blocks is not None:
            require_superclasses(f"--coarse-blocks {recipe.coarse_blocks}", train)
        labels = new_labels(settings, recipe, train)
        rule = new_rule(settings, recipe, train.num_classes, train.superclasses)
        refuse_whitened_labels(recipe, labels, train.shape[0])
        recipe = with_fitting_widths(recipe, rule, quiet=processes.rank > 0)
        train, validation, judged = train.to(device), validation.to(device), judged.to(device)
        parts = Parts(settings, recipe, dataset, train, validation, judged, labels, rule, device, precision, processes)
        _try_one_step(parts)
    except LostProcessError:  # a RuntimeError, but not the settings' fault
        raise
    except (ValueError, RuntimeError, OverflowError) as error:
        raise SettingsError(f"{train.name}, {train.num_classes} classes, images {train.shape}: {error}") from error
    return parts


def with_labels_of(parts: Parts, checkpoint: Checkpoint) -> Parts:
    """Return the parts with the labels of a finished run; trainable labels are as the training left them."""
    spec = checkpoint.notes["labels"]
    if own_file(parts.settings.labels) is None or not parts.settings.takes_labels:
        return replace(parts, labels=labels_from_spec(spec))
    family = label_family(parts.settings)
    if parts.settings.label_at in LABELS_APART:
        return replace(parts, labels=StreamLabels(family.from_spec(spec["of"])))
    return replace(parts, labels=family.from_spec(spec))


def _try_one_step(parts: Parts) -> None:
    """Train a throw-away network with throw-away labels on two images, so that what does not fit fails now."""
    # Compiling is slow, and would be repeated for the batches of the training.
    parts = replace(
        parts,
        labels=deepcopy(parts.labels),
        settings=replace(parts.settings, compile=False),
        recipe=replace(parts.recipe, epochs=1, repeats=1),
    )
    net = parts.new_net()
    if parts.settings.first_block is not None and parts.settings.first_block >= len(net):
        raise ValueError(f"--first-block must be less than {len(net)}, the blocks, got {parts.settings.first_block}")
    parts.evaluator().require_memory(net)
    trainer, two = parts.new_trainer(net, None), parts.train.part(0, 2)
    trainer.refuse_large_cache(parts.portions[0])
    for epoch in range(trainer.stretches.total):
        trainer.epoch(two, epoch)
