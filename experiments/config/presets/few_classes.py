"""What presets change for few classes. Imports no torch."""

from dataclasses import replace

from experiments.config.recipe import Recipe
from experiments.config.settings import Settings


def few_classes(settings: Settings, recipe: Recipe, num_classes: int) -> Recipe:
    """Draw no more wrong labels per image than there are wrong classes; a number that the settings ask for stays.

    Args:
        settings: the settings.
        recipe: the recipe of the preset.
        num_classes: the number of classes.

    Example:
        >>> few_classes(Settings(), Recipe(model="cnn6", negatives=3), 2).negatives
        1
        >>> few_classes(Settings(negatives=3), Recipe(model="cnn6", negatives=3), 2).negatives
        3
    """
    most = max(1, num_classes - 1)
    if settings.negatives is not None or recipe.negatives <= most:
        return recipe
    return replace(recipe, negatives=most)
