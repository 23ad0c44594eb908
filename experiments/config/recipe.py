"""A recipe: every number of a run. Imports no torch."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from convff import Schedule


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Every number of a run.

    Args:
        model: name of the network in `convff.MODELS`.
        model_options: the model's options.
        init: initial weights, a name in `convff.INITIAL_WEIGHTS`.
        rule_options: further options of the rule.
        label_intensity: the label's share K of the intensity.
        label_regions: with the label in every block, label terms differ between n x n regions of a map; at the output,
            each region decides on its own; None for the default number.
        label_form: with the label in every block, "frozen" (a label changes no unit from silent to active) or "exact".
        label_planes: planes of code words beside the image; None for one-hot planes, or labels of another family.
        label_gains: with a gain per channel and class, "learned" or "random".
        similarity: weight of a similarity term beside the rule; 0 for none.
        label_rest: one-hot labels: the value of the pixels that are not hot.
        label_selection: labels chosen from candidates, "optimised" or "random"; None for the fixed set 1.
        gate: name in `convff.GATES`.
        scale: steepness of the gate.
        theta: threshold of the threshold gate; None for the goodness of a layer whose units are all 1.
        reduction: name in `convff.rules.reductions.REDUCTIONS`: what goodness is; HebbFF: always "mean".
        coarse_blocks: number of blocks, from the first on, that learn superclasses; None for none.
        negatives: wrong labels per image in each step.
        negatives_from: where they are from, a name in `convff.NEGATIVES`; None for all wrong classes.
        blurs: of the masks of hybrid images; see `convff.HybridContrast`.
        augment: name in `convff.training.augment.AUGMENTATIONS`.
        optimizer, lr, momentum, decay, epochs, batch_size, stagger, repeats: see `convff.Schedule`.
        weight_decay, block_factors, rest_factor: see `convff.Schedule`.
        order, redraw, cache_gib: see `convff.Trainer`.
        portions: parts of the training images, in an order of their own, that are learnt from one after another.
        precision: of the activities where the settings leave it open; "auto" leaves it to the hardware.
        train_images: use only the first n; None for all.
        joint_readout: also train a readout of every position beside the blocks, by Adam, as in the paper. The readout
            that is compared with the control is always fitted at the end, by L-BFGS.
        joint_softmax: it is Hinton's softmax on normalised activity instead, by smoothed steps; see
            `convff.SoftmaxReadout`.
        softmax_rate: its rate.
        readout_images: images that the final readout is fitted to; None for all.
        readout_l2: penalty of its weights; None chooses one on a tenth of these images.
        readout_grid: the final readout averages each map over n x n regions.
        readout_normalised: it reads normalised activity, as Hinton's softmax does.
        candidates: goodness inference tries the readout's n best labels; 0 for every label.
        first_block: readout and goodness count the blocks from this one on; 1 skips the first, as most papers do.
        first_scored: the same for goodness, or the scores that the rule has instead; None for `first_block`.
        validation_images: held out for `--evaluate-on validation`.
        curve_images: training images held out for the learning curve otherwise; 0 to learn from all of them.
        test_images: judge by the first n only; None for all. Only `smoke` does.
    """

    model: str
    model_options: dict[str, Any] = field(default_factory=dict)
    init: str = "own"
    rule_options: dict[str, Any] = field(default_factory=dict)
    label_intensity: float = 0.3
    label_rest: float = 0.0
    label_selection: str | None = None
    label_regions: int | None = None
    label_form: str = "frozen"
    label_gains: str = "learned"
    label_planes: int | None = None
    gate: str = "symmetric"
    scale: float = 32.0
    theta: float | None = None
    reduction: str = "mean"
    similarity: float = 0.0
    coarse_blocks: int | None = None
    negatives: int = 1
    negatives_from: str | None = None
    blurs: int = 10
    augment: str = "none"
    optimizer: str = "adam"
    lr: float = 1e-3
    momentum: float = 0.9
    decay: str = "cooldown"
    stagger: float = 0.0
    order: str = "together"
    weight_decay: float = 0.0
    block_factors: tuple[float, ...] = ()
    rest_factor: float = 1.0
    epochs: int = 1
    batch_size: int = 32
    repeats: int = 1
    portions: int = 1
    redraw: bool = True
    cache_gib: float = 0.0
    precision: str = "auto"
    train_images: int | None = None
    joint_readout: bool = False
    joint_softmax: bool = False
    softmax_rate: float = 0.1
    readout_images: int | None = 20_000
    readout_l2: float | None = 1e-3
    readout_grid: int = 4
    readout_normalised: bool = False
    candidates: int = 0
    first_block: int = 1
    first_scored: int | None = None
    validation_images: int = 5000
    curve_images: int = 1000
    test_images: int | None = None

    def schedule(self) -> "Schedule":
        """Return the numbers that the trainer needs.

        Example:
            >>> Recipe(model="mlp", lr=0.1).schedule().lr
            0.1
        """
        from convff import Schedule  # here, because it imports torch

        names = ("epochs", "batch_size", "optimizer", "lr", "momentum", "decay", "stagger", "repeats", "weight_decay")
        return Schedule(**{name: getattr(self, name) for name in (*names, "block_factors", "rest_factor")})


def of_few_images(recipe: Recipe) -> Recipe:
    """Return a recipe for one epoch of 1,000 images, judged by 500: only to show that all parts work.

    Example:
        >>> of_few_images(Recipe(model="mlp", epochs=9)).epochs
        1
    """
    return replace(recipe, epochs=1, train_images=1000, readout_images=1000, test_images=500)


def completed(saved: Any, names: Iterable[str]) -> Any:
    """Return the numbers of a saved recipe, with the defaults of those that a later version has added.

    Args:
        saved: the values of an earlier `Recipe` as JSON; anything else is returned unchanged.
        names: the numbers that must be there.

    Example:
        >>> completed({"model": "mlp", "lr": 0.1}, ["lr", "stagger"]), completed(None, ["lr"])
        ({'stagger': 0.0, 'model': 'mlp', 'lr': 0.1}, None)
    """
    if not isinstance(saved, dict):
        return saved
    defaults: dict[str, Any] = json.loads(json.dumps(asdict(Recipe(model=""))))
    return {name: defaults[name] for name in names if name not in saved} | saved
