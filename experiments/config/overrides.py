"""The numbers of a recipe that the command line may replace. Imports no torch."""

from dataclasses import dataclass, fields
from typing import Any, Literal

from experiments.config.choices import (
    AugmentName,
    GateName,
    InitName,
    OptimizerName,
    OrderName,
    ReductionName,
    SelectionName,
)
from experiments.config.many_classes import ManyClasses
from experiments.config.rule_options import RateOverrides


@dataclass(frozen=True, kw_only=True)
class Overrides(RateOverrides, ManyClasses):
    """Numbers of a recipe that the command line may replace: fields of `Recipe`; None keeps the preset's value."""

    label_intensity: float | None = None
    """The label's share K of the intensity, in [0, 1]."""

    label_selection: SelectionName | None = None
    """Fourier and morph: choose the labels from 2,000 candidates drawn by --seed. optimised: minimise the largest
    correlation of any two; random: choose at random. Default: the fixed set 1, or optimised if it has too few."""

    label_regions: int | None = None
    """With --label-at blocks: what a label adds to a block differs between n x n regions of its map. With --label-at
    output: each region decides on its own. With --rule local_head: the classifiers see the means of n x n regions."""

    label_gains: Literal["learned", "random"] | None = None
    """With --label-at gains: the gain of each channel for each class is learned, or drawn once at random."""

    label_form: Literal["frozen", "exact"] | None = None
    """With --label-at blocks: frozen is fast (a label changes no unit from silent to active); exact tries every label
    on every unit."""

    gate: GateName | None = None
    """How goodness becomes a signed weight."""

    scale: float | None = None
    """Steepness of the gate."""

    theta: float | None = None
    """Threshold of the threshold gate."""

    reduction: ReductionName | None = None
    """Goodness is the mean or the sum of squares, or the mean of the activity itself; or minus one of them."""

    similarity: float | None = None
    """Weight of an extra term that makes images of one class look alike to a block, and others different."""

    negatives: int | None = None
    """Wrong labels per image and step."""

    blurs: int | None = None
    """With --label-at nowhere: how often the bits of a hybrid's mask are blurred; more blurs make larger regions."""

    first_block: int | None = None
    """Readout and goodness count the blocks from this one on; 0 is the first. Default: 1, as in most papers."""

    init: InitName | None = None
    """Initial weights. own: the network's, usually PyTorch's; normal: N(0, 1 / inputs), without biases."""

    augment: AugmentName | None = None
    """How training images are augmented; FILE.py:NAME also takes a transform of torchvision."""

    optimizer: OptimizerName | None = None
    """The optimiser, which turns directions into steps."""

    lr: float | None = None
    """Learning rate."""

    momentum: float | None = None
    """Momentum, or Adam's first beta."""

    stagger: float | None = None
    """How far lower blocks learn ahead of higher ones, in [0, 1): with stagger s the first block stops after a fraction
    1 - s of the training, the last at its end."""

    order: OrderName | None = None
    """together: all blocks learn in every step; one_by_one: each block learns for all epochs, on the outputs of the
    finished blocks below it. Default: together."""

    batch_size: int | None = None
    """Images per step."""

    epochs: int | None = None
    """Passes over the training images; for each block, if they learn one by one."""

    repeats: int | None = None
    """Steps on each batch, with the same wrong labels."""

    portions: int | None = None
    """Learn from this many parts of the training images, one after another: a whole training on each."""

    redraw: bool | None = None
    """False: every epoch has the batches, augmentation and wrong labels of the first one."""

    cache_gib: float | None = None
    """With --order one_by_one and --redraw False: keep outputs of finished blocks, in up to this many GiB."""

    train_images: int | None = None
    """Use only the first n training images."""

    def overrides(self) -> dict[str, Any]:
        """Return the numbers that are given, by name."""
        values = {each.name: getattr(self, each.name) for each in fields(Overrides)}
        return {name: value for name, value in values.items() if value is not None}
