"""How presets treat linear heads on each block. Imports no torch."""

from dataclasses import replace

from experiments.config.recipe import Recipe


def one_pass(recipe: Recipe) -> Recipe:
    """Train as the label at the output does, for as many minutes."""
    return replace(recipe, epochs=5)
