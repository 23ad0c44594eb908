"""How presets treat networks with a gain per channel and class. Imports no torch."""

from experiments.config.recipe import Recipe
from experiments.config.settings import SettingsError


def paper(recipe: Recipe) -> Recipe:
    """Refuse: none of the papers that this package builds has gains."""
    raise SettingsError("--preset paper has the label in the image, as the paper has it: take --preset quick")
