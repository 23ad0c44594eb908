"""How presets treat networks with the label at the output: a group of channels per class. Imports no torch."""

from experiments.config.recipe import Recipe
from experiments.config.settings import SettingsError


def paper(recipe: Recipe) -> Recipe:
    """Refuse: none of the papers that this package builds has the label at the output."""
    raise SettingsError("--preset paper has the label in the image, as the paper has it: take --preset quick")
