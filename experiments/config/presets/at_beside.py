"""How presets treat networks with the label's image beside the input of every block. Imports no torch."""

from dataclasses import replace

from experiments.config.recipe import Recipe


def quick(recipe: Recipe) -> Recipe:
    """Take a steeper gate, as for labels in blocks.

    Example:
        >>> quick(Recipe(model="cnn6")).scale
        100.0
    """
    return replace(recipe, scale=100.0, epochs=4)
