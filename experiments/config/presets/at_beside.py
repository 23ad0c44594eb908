"""How presets treat networks with the label's image beside the input of every block. Imports no torch."""

from dataclasses import replace

from experiments.config.recipe import Recipe
from experiments.config.settings import SettingsError


def quick(recipe: Recipe) -> Recipe:
    """Take a steeper gate, as for labels in blocks."""
    return replace(recipe, scale=100.0, epochs=4)


def paper(recipe: Recipe) -> Recipe:
    """Refuse: none of the papers that this package builds has a label-free trunk."""
    raise SettingsError("--preset paper has the label in the image, as the paper has it: take --preset quick")
