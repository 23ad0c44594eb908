"""Presets: from a few names on the command line to every number of a run. Imports no torch.

A preset is a function from the settings to a recipe. What a rule changes in every preset is in its own file.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from experiments.config.presets.ghl_nets import GHL_PRESETS, by_gradient
from experiments.config.presets.greedy_nets import GREEDY_PRESETS
from experiments.config.presets.hebbff_nets import HEBBFF_PRESETS
from experiments.config.presets.hinton_nets import HINTON_PRESETS
from experiments.config.presets.image_nets import IMAGE_PRESETS
from experiments.config.presets.recurrent_nets import RECURRENT_PRESETS
from experiments.config.presets.rules import of_rule
from experiments.config.presets.softhebb_nets import SOFTHEBB_PRESETS
from experiments.config.presets.unsupervised_nets import UNSUPERVISED_PRESETS
from experiments.config.recipe import Recipe
from experiments.config.settings import RENAMED, SETTLING, Settings, SettingsError

if TYPE_CHECKING:
    from convff import Schedule

# The default rate of each optimiser, used if the preset has another optimiser; plain steps have none.
RATES = {"adam": 1e-3, "relative": 0.005, "orthogonal": 0.01, "per_neuron": 0.03, "sign": 0.01, "norm_dependent": 0.05}
PRESETS: dict[str, Callable[[Settings], Recipe]] = IMAGE_PRESETS
NET_PRESETS = {"deep": HEBBFF_PRESETS, "wide": HEBBFF_PRESETS, "greedy": GREEDY_PRESETS, "hinton": HINTON_PRESETS}
NET_PRESETS |= {"local": UNSUPERVISED_PRESETS, "dense": UNSUPERVISED_PRESETS}
# Presets of a rule on a network of its own; None is the network that the rule has if none is named.
OWN_PRESETS: dict[tuple[str, str | None], dict[str, Callable[[Settings], Recipe]]] = {
    ("softhebb", None): SOFTHEBB_PRESETS,
    ("softhebb", "deephebb"): SOFTHEBB_PRESETS,
    **{("recurrent", model): RECURRENT_PRESETS for model in (None, *SETTLING)},
    **{("bp", model): RECURRENT_PRESETS for model in SETTLING},
    **{("ghl", model): presets for model, presets in GHL_PRESETS.items()},
    **{("bp", model): by_gradient(presets) for model, presets in GHL_PRESETS.items()},
}
PLACE_PRESETS = {"nowhere": UNSUPERVISED_PRESETS}  # of networks and rules that have no presets of their own
WHITENED_SIDE = 3  # of the patches that `--whiten` whitens, in pixels


def recipe_for(settings: Settings) -> Recipe:
    """Return the recipe of the settings' preset, overridden by the numbers that the settings give.

    Example:
        >>> recipe_for(Settings(dataset="mnist", preset="paper")).model_options
        {'width': 128, 'kernel': 7}
        >>> recipe_for(Settings(dataset="mnist", lr=0.5)).lr
        0.5
        >>> recipe_for(Settings(width=8)).model_options["widths"]
        (8, 16, 16, 32, 32, 32)
    """
    of_images = PLACE_PRESETS.get(settings.label_at, IMAGE_PRESETS)
    of_images = OWN_PRESETS.get((settings.rule, settings.model), of_images)
    presets = of_images if settings.net is None else NET_PRESETS[settings.net]
    recipe = presets[RENAMED.get(settings.preset, settings.preset)](settings)
    if settings.gate is not None and settings.gate != recipe.gate:
        recipe = replace(recipe, theta=None)  # a preset's threshold is for its own gate
    if settings.optimizer is not None and settings.optimizer != recipe.optimizer:
        # Likewise, its rate and its decay of the weights are for its own optimiser.
        recipe = replace(recipe, lr=RATES.get(settings.optimizer, recipe.lr), weight_decay=0.0)
    options = _model_options(settings, recipe.model_options)
    rule_options = recipe.rule_options | settings.rule_options()
    recipe = replace(recipe, model_options=options, rule_options=rule_options, **settings.overrides())
    # A preset's stagger is for blocks that learn together.
    return replace(recipe, stagger=0.0) if recipe.order != "together" and settings.stagger is None else recipe


def step_schedule(rule: str) -> "Schedule":
    """Return the schedule of a rule's usual steps, for one epoch.

    Example:
        >>> step_schedule("hebbff").optimizer
        'relative'
    """
    return of_rule(rule, "quick")(Recipe(model="")).schedule()


def _model_options(settings: Settings, options: dict[str, Any]) -> dict[str, Any]:
    """Return a preset's model options, overridden by those that the settings give."""
    if settings.width is not None:
        options = _of_width(settings.width, options)
    named = {name: getattr(settings, name) for name in ("widths", "pool_after", "label_scale", "depth")}
    named |= {"skip": settings.skip or None, "whiten": WHITENED_SIDE if settings.whiten else None}
    return options | {name: value for name, value in named.items() if value is not None}


def _of_width(width: int, options: dict[str, Any]) -> dict[str, Any]:
    """Return a model's options with `width` filters in the first layer; the other layers keep their ratio to it."""
    if "width" in options:
        return options | {"width": width}
    if "widths" not in options:
        raise SettingsError(f"--width {width} cannot be used: the preset names no width of this network")
    first = options["widths"][0]
    return options | {"widths": tuple(max(1, width * each // first) for each in options["widths"])}
