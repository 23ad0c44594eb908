"""The rule of a run, built from its settings and recipe."""

import inspect
from typing import Any

from convff import GATES, RULES, STABILISERS, Autograd, Stabilised
from experiments.config.recipe import Recipe
from experiments.config.settings import Settings
from experiments.run.building import build


def new_rule(settings: Settings, recipe: Recipe) -> Any:
    """Build the rule with its gate, its engine and its stabilisers.

    Raises:
        ValueError: the rule, gate or stabiliser does not take a number of the recipe, or it is out of range.
    """
    make = RULES[settings.rule]
    asked: dict[str, Any] = {}
    if takes(make, "gate"):
        theta = {} if recipe.theta is None else {"theta": recipe.theta}
        asked["gate"] = build(f"gate {recipe.gate}", GATES[recipe.gate], {"scale": recipe.scale, **theta})
        if recipe.reduction != "mean":
            asked["reduction"] = recipe.reduction
    rule = build(f"rule {settings.rule}", make, asked)
    if settings.engine == "autograd":
        rule = Autograd(rule=rule)
    if not settings.stabilise:
        return rule
    strength = settings.stabiliser_strength
    options = {} if strength is None else {"strength": strength}
    return Stabilised(rule=rule, stabilisers=tuple(STABILISERS[name](**options) for name in settings.stabilise))


def takes(make: Any, option: str) -> bool:
    """Tell whether a class or function takes an option.

    Example:
        >>> takes(RULES["ff"], "gate"), takes(RULES["bp"], "gate")
        (True, False)
    """
    return option in inspect.signature(make).parameters
