"""How presets treat networks with the label at the output: a group of channels per class. Imports no torch."""

from dataclasses import replace
from typing import Any

from experiments.config.recipe import Recipe
from experiments.config.settings import SettingsError

# Widths for 10 classes; other numbers of classes round them.
NETS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {  # options of the model, and numbers of the recipe
    "cnn3": ({"width": 40}, {}),
    "cnn6": ({"widths": (40, 60, 60, 120, 120, 120)}, {"batch_size": 64}),
    "mlp": ({"widths": (1000, 1000, 1000)}, {}),
    "resnet": ({"widths": (40, 60, 120)}, {"batch_size": 64}),
}


def quick(recipe: Recipe) -> Recipe:
    """Compare all classes in every step: the cross-entropy over the groups."""
    options, numbers = NETS.get(recipe.model, ({}, {}))
    return replace(recipe, model_options=recipe.model_options | options, gate="softmax", scale=16.0, **numbers)


def paper(recipe: Recipe) -> Recipe:
    """Refuse: none of the papers that this package builds has the label at the output."""
    raise SettingsError("--preset paper has the label in the image, as the paper has it: take --preset quick")
