"""How presets treat networks with the label in every block. Imports no torch."""

from dataclasses import replace

from experiments.config.recipe import Recipe
from experiments.config.settings import SettingsError


def quick(recipe: Recipe) -> Recipe:
    """Compare all labels in every step, by orthogonalised steps."""
    return replace(recipe, gate="softmax", scale=32.0, optimizer="orthogonal", lr=0.01, momentum=0.9, batch_size=64)


def paper(recipe: Recipe) -> Recipe:
    """Refuse: none of the papers that this package builds has a label-free trunk."""
    raise SettingsError("--preset paper has the label in the image, as the paper has it: take --preset quick")
