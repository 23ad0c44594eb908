"""Widths that fit the place of the label."""

from dataclasses import replace
from typing import Any

from experiments.config.recipe import Recipe


def with_fitting_widths(recipe: Recipe, rule: Any, *, quiet: bool = False) -> Recipe:
    """Return the recipe with each width rounded to what the rule's place of the label needs; says so where it changes.

    Args:
        recipe: the recipe; its model options `width` and `widths` are looked at.
        rule: the rule; one without a place is content with every width.
        quiet: print nothing.
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
