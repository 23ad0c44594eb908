"""Widths that fit the place of the label."""

from dataclasses import replace
from typing import Any

from experiments.config.recipe import Recipe

WIDTH_PER_BLOCK = ("cnn6", "mlp")  # models whose `widths` are those of their blocks; in others a width is of several


def with_fitting_widths(recipe: Recipe, rule: Any, *, quiet: bool = False) -> Recipe:
    """Return the recipe with each width rounded to what the rule needs; print each change.

    Args:
        recipe: the recipe; its model options `width` and `widths` are rounded.
        rule: the rule; one without a method `fitting` takes every width.
        quiet: print nothing.

    Example:
        >>> from convff import AtOutput, ForwardForward
        >>> recipe = Recipe(model="cnn3", model_options={"width": 32})
        >>> with_fitting_widths(recipe, ForwardForward(label_at=AtOutput(10)), quiet=True).model_options
        {'width': 30}
    """
    if not hasattr(rule, "fitting"):
        return recipe
    options = dict(recipe.model_options)
    for name in ("width", "widths"):
        asked = options.get(name)
        if asked is None:
            continue
        of_blocks = name == "widths" and recipe.model in WIDTH_PER_BLOCK
        options[name] = (
            rule.fitting(asked)
            if name == "width"
            else tuple(rule.fitting(each, block if of_blocks else None) for block, each in enumerate(asked))
        )
        if options[name] != asked and not quiet:
            print(f"note: {name} {asked} rounded to {options[name]}, to make equal groups of channels, one per class")
    return replace(recipe, model_options=options)
