"""Options that would change nothing. Needs the tables of labels, gates and models, so it is not in `config`."""

import inspect
from typing import Any

from convff import GATES, MODELS, RULES, AtImage, learns_by
from experiments.config.conflicts import OF_NEGATIVES
from experiments.config.ranges import option
from experiments.config.recipe import Recipe
from experiments.config.settings import LABELS_APART, Settings, SettingsError
from experiments.label_sets.choice import CHOOSABLE
from experiments.run.building import look_up, takes
from experiments.run.labels import label_family
from experiments.run.rules import contrast_maker
from labels import LabelGenerator


def refuse_idle_options(settings: Settings, recipe: Recipe, rule: Any) -> None:
    """Raise for an option that would change nothing, or that the network does not have: it must not be recorded.

    Args:
        settings: the settings of the run.
        recipe: the numbers that the settings lead to.
        rule: the rule, built for any number of classes.
    """
    _refuse_unknown_layers(settings, recipe)
    _refuse_steps(recipe, rule)
    for name, reason in (_idle_for_labels(settings, recipe) | _idle_for_rule(settings, recipe, rule)).items():
        value = getattr(settings, name)
        if reason and value != getattr(Settings, name):
            given = " ".join(value) if isinstance(value, tuple) else value
            raise SettingsError(f"{option(name)} {given} would change nothing: {reason}")


def refuse_whitened_labels(recipe: Recipe, labels: LabelGenerator, image_channels: int) -> None:
    """Raise if images are whitened that carry a label in extra channels: the label would be whitened, too.

    Args:
        recipe: the recipe.
        labels: the labels of the run.
        image_channels: channels of an image without label.

    Raises:
        SettingsError: the recipe whitens, and the labels add channels.
    """
    added = labels.channels(image_channels) - image_channels
    if recipe.model_options.get("whiten") and added:
        raise SettingsError(
            f"--whiten needs images without label channels, but the labels add {added} to each image: use labels that "
            "are mixed with the image, or another place of the label (--label-at)"
        )


def _refuse_unknown_layers(settings: Settings, recipe: Recipe) -> None:
    """Raise for options that the network does not have, and for poolings after layers that it does not have."""
    make = MODELS[recipe.model]
    for name in ("widths", "pool_after", "skip", "whiten", "depth"):
        if getattr(settings, name) not in (None, False) and not takes(make, name):
            having = ", ".join(model for model, other in MODELS.items() if takes(other, name))
            raise SettingsError(f"{option(name)} cannot be used: it is an option of {having}, not of {recipe.model}")
    if settings.pool_after:
        depth = len(recipe.model_options.get("widths", inspect.signature(make).parameters["widths"].default))
        if beyond := [str(layer) for layer in settings.pool_after if layer > depth]:
            raise SettingsError(f"--pool-after {' '.join(beyond)}: there is no such layer, the network has {depth}")


def _refuse_steps(recipe: Recipe, rule: Any) -> None:
    """Raise for an optimiser under which the rule would lose what it is about."""
    if not learns_by(rule, recipe.optimizer):
        raise SettingsError(
            f"--optimizer {recipe.optimizer} cannot be used with {type(rule).__name__}, which needs "
            f"{' or '.join(rule.steps)}: {rule.why_steps}"
        )


Reasons = dict[str, str | bool]
"""Option to the reason why it would change nothing; an empty reason if it would change something."""


def _idle_for_labels(settings: Settings, recipe: Recipe) -> Reasons:
    """Return the reasons for options about labels and networks."""
    takes_label_scale = settings.labels == "layerwise" and takes(MODELS[recipe.model], "label_scale")
    labels = f"--labels {settings.labels}"
    idle: Reasons = {
        "net": settings.model not in (None, "mlp") and f"--model {settings.model} is another network",
        "label_scale": not takes_label_scale and "it is for dense networks with --labels layerwise",
        "label_intensity": not takes(label_family(settings), "intensity") and f"{labels} has no intensity",
        "label_planes": not takes(label_family(settings), "count") and f"{labels} has no planes of code words",
        "label_selection": settings.labels not in CHOOSABLE
        and f"{labels} has no candidates ({', '.join(CHOOSABLE)} have)",
    }
    if settings.label_at in LABELS_APART:
        reason = f"with --label-at {settings.label_at} labels are not mixed with images"
        idle |= dict.fromkeys(("label_intensity", "label_scale", "label_planes"), reason)
    if not settings.takes_labels:
        where = f"--label-at {settings.label_at}" if settings.label_at != "image" else f"--rule {settings.rule}"
        reason = f"with {where} no image carries a label"
        idle |= dict.fromkeys(("labels", "label_intensity", "label_selection", "label_scale", "label_planes"), reason)
    return idle


def _idle_for_rule(settings: Settings, recipe: Recipe, rule: Any) -> Reasons:
    """Return the reasons for options about the rule and its evaluations; later reasons override earlier ones."""
    made, named = look_up("rule", settings.rule, RULES), f"--rule {settings.rule}"
    makes_hybrids = takes(contrast_maker(settings, rule), "blurs")
    gate, has_no_steps = look_up("gate", recipe.gate, GATES), not hasattr(rule, "direction")
    reasons: tuple[tuple[tuple[str, ...], bool, str], ...] = (
        (("theta",), not takes(gate, "theta"), f"the {recipe.gate} gate has no threshold (--gate threshold has)"),
        (("gate", "scale", "theta"), not takes(made, "gate"), f"{named} has no gates"),
        (("label_at",), _has_no_place(made, settings), f"{named} has no place for the label"),
        (("stabiliser_strength",), not settings.stabilise, "--stabilise names no stabiliser"),
        (("blurs",), not makes_hybrids, "no pass is a hybrid"),
        (("contrast",), makes_hybrids and settings.takes_labels, "images carry labels, and hybrids none"),
        (OF_NEGATIVES, not takes(contrast_maker(settings, rule), "negatives"), "no pass has a wrong label"),
        (OF_NEGATIVES, has_no_steps and not hasattr(rule, "contrast"), f"{named} has no local steps"),
        (("contrast", "compile", "engine"), has_no_steps, f"{named} has no local steps"),
        (("stagger", "similarity", "coarse_blocks", "block_factors"), has_no_steps, f"{named} has no local steps"),
        (("reduction",), not takes(made, "gate"), f"{named} has no goodness"),
        (("coarse_blocks",), _is_of_one_label(rule), "each pass carries a class, right or wrong"),
        (("rest_factor",), not getattr(rule, "trains_rest", False), f"{named} has one rate for all that it trains"),
        (("label_gains",), settings.label_at != "gains", f"--label-at {settings.label_at} has no gains"),
        (("stabilise",), has_no_steps and not _has_peers(settings, rule), f"{named} has no direction to stabilise"),
        (("candidates",), "goodness" not in rule.evaluations, f"{named} tries no labels"),
        (("candidates",), settings.inference == ("linear",), "--inference linear tries no labels"),
    )
    return {name: reason for names, holds, reason in reasons if holds for name in names}


def _has_peers(settings: Settings, rule: Any) -> bool:
    """Return whether a rule has peer normalisation of its own, and nothing else is asked of it."""
    return hasattr(rule, "peer") and settings.stabilise == ("peer",)


def _has_no_place(made: Any, settings: Settings) -> bool:
    """Return whether a rule cannot do what `--label-at` says; without any label, every rule can."""
    settles = takes(made, "damping")  # a label holds at the top of such a network
    return not takes(made, "label_at") and (settles or settings.label_at != "nowhere")


def _is_of_one_label(rule: Any) -> bool:
    """Return whether a rule compares passes that carry one label each, and not all classes in one pass."""
    return isinstance(getattr(rule, "label_at", None), AtImage)
