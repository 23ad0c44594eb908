"""Widths that fit the place of the label."""

from dataclasses import replace
from typing import Any

from experiments.config.recipe import Recipe


def with_fitting_widths(recipe: Recipe, rule: Any, *, quiet: bool = False) -> Recipe:
    """Return the recipe with each width rounded to what the rule's place of the label needs; print each change.

    Args:
        recipe: the recipe; its model options `width` and `widths` are rounded.
        rule: the rule; a rule without a place of the label takes every width.
        quiet: print nothing.

    Example:
        >>> from convff import AtOutput, ForwardForward
        >>> recipe = Recipe(model="cnn3", model_options={"width": 32})
        >>> with_fitting_widths(recipe, ForwardForward(label_at=AtOutput(10)), quiet=True).model_options
        {'width': 30}
    """
    place = getattr(rule, "label_at", None)
    if place is None:
        return recipe
    options = dict(recipe.model_options)
    for name in ("width", "widths"):
        asked = options.get(name)
        if asked is None:
            continue
        options[name] = place.fitting(asked) if name == "width" else tuple(place.fitting(each) for each in asked)
        if options[name] != asked and not quiet:
            print(f"note: {name} {asked} rounded to {options[name]}, to make equal groups of channels, one per class")
    return replace(recipe, model_options=options)
