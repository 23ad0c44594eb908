"""How presets treat Hebbian Forward-Forward. Imports no torch."""

from dataclasses import replace

from experiments.config.recipe import Recipe


def every(recipe: Recipe) -> Recipe:
    """Take steps as long as a fraction of the weights: one rate fits all blocks."""
    return replace(recipe, optimizer="relative", lr=0.005, momentum=0.9)


def one_pass(recipe: Recipe) -> Recipe:
    """Take the steps of FF: the two rules point the same way, so the best step of one is the best of the other."""
    return recipe


def paper(recipe: Recipe) -> Recipe:
    """Use mean goodness, with which the same threshold is 1."""
    return replace(every(recipe), theta=1.0, reduction="mean")
