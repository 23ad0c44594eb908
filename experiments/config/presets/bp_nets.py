"""Presets of backpropagation through the networks of other rules' papers. Imports no torch.

The papers give no settings for their backpropagation: these are ours. No image carries a label.
"""

from collections.abc import Callable
from dataclasses import replace

from experiments.config.presets.softhebb_nets import HALF, PAPER, QUARTER
from experiments.config.recipe import Recipe
from experiments.config.settings import Settings


def deephebb(settings: Settings) -> Recipe:
    """Return a recipe for DeepHebb, with ReLU: Adam, half the published width, 5 minutes on two cores.

    Example:
        >>> deephebb(Settings(rule="bp", model="deephebb")).optimizer
        'adam'
    """
    return Recipe(
        model="deephebb",
        model_options={"widths": HALF},
        label_intensity=0.0,
        optimizer="adam",
        lr=1e-3,
        epochs=3,
        batch_size=64,
        first_block=2,
    )


def deephebb_smoke(settings: Settings) -> Recipe:
    """Return a quarter of the width and 1,000 images, judged by 500: only to show that all parts work.

    Example:
        >>> deephebb_smoke(Settings(rule="bp", model="deephebb")).train_images
        1000
    """
    recipe = replace(deephebb(settings), model_options={"widths": QUARTER}, epochs=1)
    return replace(recipe, train_images=1000, readout_images=1000, test_images=500)


def deephebb_long(settings: Settings) -> Recipe:
    """Return the published width for 30 minutes.

    Example:
        >>> deephebb_long(Settings(rule="bp", model="deephebb")).model_options
        {'widths': (96, 384, 1536)}
    """
    return replace(deephebb(settings), model_options={"widths": PAPER}, epochs=5)


def deephebb_paper(settings: Settings) -> Recipe:
    """Return the published width for 100 epochs, as long as GHL: hours on two cores.

    Example:
        >>> deephebb_paper(Settings(rule="bp", model="deephebb")).epochs
        100
    """
    return replace(deephebb_long(settings), epochs=100)


DEEPHEBB_BY_BP: dict[str, Callable[[Settings], Recipe]] = {
    "smoke": deephebb_smoke,
    "quick": deephebb,
    "paper": deephebb_paper,
    "long": deephebb_long,
}
