"""How presets treat networks with the label in every block. Imports no torch."""

from dataclasses import replace

from experiments.config.recipe import Recipe


def quick(recipe: Recipe) -> Recipe:
    """Take a steeper gate: the labels' terms are a small part of the goodness. A step costs more, so fewer epochs.

    On 20,000 images of CIFAR-10, 2 epochs of a narrow network, 5,000 validation images: scale 32 64.1 % (63.7 % with
    4 x 4 regions, 63.2 % in the exact form), 100 67.3 % (68.5 % with 4 x 4 regions), 300 64.4 %.

    Example:
        >>> quick(Recipe(model="cnn6")).scale
        100.0
    """
    return replace(recipe, scale=100.0, epochs=4)
