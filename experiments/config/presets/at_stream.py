"""How presets treat networks with the label in a stream of its own. Imports no torch."""

from dataclasses import replace

from experiments.config.recipe import Recipe
from experiments.config.settings import SettingsError


def quick(recipe: Recipe) -> Recipe:
    """Compare all labels in every step, by orthogonalised steps."""
    recipe = replace(recipe, gate="softmax", scale=100.0, batch_size=128)
    return replace(recipe, optimizer="orthogonal", lr=0.02, momentum=0.9)


def paper(recipe: Recipe) -> Recipe:
    """Refuse: none of the papers that this package builds has a stream of labels."""
    raise SettingsError("--preset paper has the label in the image, as the paper has it: take --preset quick")
