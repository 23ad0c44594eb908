"""The rule of a run and its contrast, built from settings and recipe."""

from collections.abc import Callable
from typing import Any

from convff import (
    CONTRASTS,
    GATES,
    NEGATIVES,
    PLACES,
    RULES,
    STABILISERS,
    Autograd,
    Coarse,
    Contrast,
    ImageData,
    LabelContrast,
    Negatives,
    Place,
    Similar,
    Stabilised,
    for_superclasses,
    memory_of,
)
from experiments.config.peer import PEER
from experiments.config.recipe import Recipe
from experiments.config.settings import Settings, SettingsError
from experiments.run.building import build, look_up, takes
from labels import LabelGenerator


def new_rule(settings: Settings, recipe: Recipe, num_classes: int, superclasses: tuple[int, ...] | None = None) -> Any:
    """Build the rule with its gate, its place of the label, its coarse blocks, its engine and its stabilisers.

    Args:
        settings: the settings of the run.
        recipe: the numbers that they lead to.
        num_classes: number of classes.
        superclasses: superclass of each class, for coarse blocks; None builds the rule without them.

    Raises:
        ValueError: the rule, gate or stabiliser does not take a number of the recipe, or it is out of range.

    Example:
        >>> type(new_rule(Settings(rule="hebbff"), Recipe(model="mlp"), num_classes=10)).__name__
        'HebbianForwardForward'
    """
    rule = _bare_rule(settings, recipe, num_classes)
    _check_rule(settings.rule, rule)
    if recipe.coarse_blocks is not None and superclasses is not None:
        lower = _bare_rule(settings, recipe, len(set(superclasses)), superclasses)
        rule = Coarse(rule=rule, lower=lower, superclasses=superclasses, blocks=recipe.coarse_blocks)
    if recipe.similarity and hasattr(rule, "direction"):
        rule = Similar(rule=rule, weight=recipe.similarity, num_classes=num_classes)
    if settings.engine == "autograd":
        rule = Autograd(rule=rule)
    if not settings.stabilise or hasattr(rule, "peer"):
        return rule
    strength = settings.stabiliser_strength
    firmness = {} if strength is None else {"strength": strength}
    return Stabilised(rule=rule, stabilisers=tuple(STABILISERS[name](**firmness) for name in settings.stabilise))


def _bare_rule(
    settings: Settings, recipe: Recipe, num_classes: int, superclasses: tuple[int, ...] | None = None
) -> Any:
    """Build the rule with its gate and its place of the label; for superclasses, if they are given."""
    make = look_up("rule", settings.rule, RULES)
    asked: dict[str, Any] = dict(recipe.rule_options)
    if takes(make, "peer") and settings.stabilise == ("peer",):  # a rule that settles has peers of its own
        strength = settings.stabiliser_strength
        asked["peer"] = PEER if strength is None else strength
    if takes(make, "gate"):
        theta = {} if recipe.theta is None else {"theta": recipe.theta}
        gate = look_up("gate", recipe.gate, GATES)
        scale = {} if settings.scale is None else {"scale": settings.scale}
        asked["gate"] = build(f"gate {recipe.gate}", gate, theta | scale, {"scale": recipe.scale})
        if recipe.reduction != "mean":
            asked["reduction"] = recipe.reduction
    regions: dict[str, Any] = {} if recipe.label_regions is None else {"regions": recipe.label_regions}
    offered: dict[str, Any] = {"num_classes": num_classes}
    if takes(make, "label_at"):
        options = regions | ({"exact": True} if recipe.label_form == "exact" else {})
        options |= {"learned": False} if recipe.label_gains == "random" else {}

        def place_for(classes: int) -> Place:
            what, place = f"label at {settings.label_at}", PLACES[settings.label_at]
            made: Place = build(what, place, options, {"num_classes": classes})
            return made

        offered["label_at"] = (
            place_for(num_classes) if superclasses is None else for_superclasses(place_for, superclasses)
        )
    else:
        asked |= regions
    return build(f"rule {settings.rule}", make, asked, offered)


def _check_rule(name: str, rule: Any) -> None:
    """Raise unless a rule, which may be the user's own, can learn and be judged.

    Raises:
        SettingsError: it has no step and no direction, or `evaluations` is no list of names.
    """
    wanted = ("start",) if hasattr(rule, "start") else ("init", "direction")
    missing = [each for each in wanted if not callable(getattr(rule, each, None))]
    if missing:
        raise SettingsError(
            f"rule {name} must have {' and '.join(wanted)}: it has no {missing[0]}, see CONTRIBUTING.md"
        )
    named = getattr(rule, "evaluations", None)
    if not isinstance(named, list | tuple) or not named or not all(isinstance(each, str) for each in named):
        raise SettingsError(
            f'rule {name} must have `evaluations`, the names of its inferences such as ("goodness", "linear"), '
            f"got {named!r}"
        )


def contrast_maker(settings: Settings, rule: Any) -> Callable[..., Contrast]:
    """Return what makes the contrast of a run: the named one, or else the rule's own."""
    if settings.contrast is not None:
        make: Callable[..., Contrast] = look_up("contrast", settings.contrast, CONTRASTS)
        return make
    return getattr(rule, "contrast", LabelContrast)


def require_superclasses(option: str, data: ImageData) -> None:
    """Raise unless data have superclasses.

    Raises:
        SettingsError: they have none; the message names the option that needs them.
    """
    if data.superclasses is None:
        raise SettingsError(f"{option} needs data with superclasses, which {data.name} lacks: use --dataset cifar100")


def new_negatives(recipe: Recipe, data: ImageData) -> Negatives:
    """Build the source of wrong labels for data.

    Raises:
        SettingsError: the data have no superclasses to draw from.
        ValueError: there are fewer wrong classes than wrong labels.

    Example:
        >>> import torch
        >>> data = ImageData(torch.zeros(2, 1, 8, 8, dtype=torch.uint8), torch.tensor([0, 1]), ("a", "b"), "toy")
        >>> new_negatives(Recipe(model="mlp"), data)
        RandomNegatives(count=1)
    """
    name = recipe.negatives_from or "all"
    offered = {
        "count": recipe.negatives,
        "num_classes": data.num_classes,
        "superclasses": data.superclasses,
        "scale": recipe.scale,
    }
    if takes(NEGATIVES[name], "superclasses"):
        require_superclasses(f"--negatives-from {name}", data)
    negatives: Negatives = build(f"negatives from {name}", NEGATIVES[name], {}, offered)
    return negatives


def new_contrast(
    make: Callable[..., Contrast], labels: LabelGenerator, negatives: Negatives, *, blurs: int = Recipe.blurs
) -> Contrast:
    """Build a contrast of the labels, with wrong labels from `negatives` if it has any, or hybrids of `blurs` blurs.

    Raises:
        SettingsError: the negatives learn from the passes of each step, but the contrast does not let them.

    Example:
        >>> from convff import RandomNegatives
        >>> from labels import OneHotLabels
        >>> type(new_contrast(LabelContrast, OneHotLabels(3), RandomNegatives(2))).__name__
        'LabelContrast'
    """
    # Contrasts name their source of inputs differently: labels to put in, label images, or neutral inputs.
    offered = {"labels": labels, "neutral": labels, "stream": labels, "negatives": negatives, "blurs": blurs}
    contrast: Contrast = build("contrast", make, {}, offered)
    if takes(make, "negatives") and memory_of(negatives) and not memory_of(contrast):
        raise SettingsError(
            f"{type(negatives).__name__} learn from every step, so the contrast must "
            f"pass its `memory` and `observe` on; {type(contrast).__name__} has none"
        )
    return contrast
