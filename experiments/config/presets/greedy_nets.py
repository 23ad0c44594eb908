"""Presets of the greedy networks: two dense layers that learn one after another. Imports no torch."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from experiments.config.presets.rules import of_rule
from experiments.config.recipe import Recipe, of_few_images
from experiments.config.settings import Settings

WIDTHS = (512, 512)
# Mean and standard deviation of MNIST's pixels, as in PyTorch's examples; the public code takes these numbers.
MEAN, DEVIATION = 0.1307, 0.3081


def paper(settings: Settings) -> Recipe:
    """Return the run of a public notebook, `Nikita-Sherstnev/forward-forward-algorithm`, to the letter.

    Three batches of 20,000 images, shuffled once. For each in turn, layer 1 takes 1000 steps of Adam on the whole batch
    with wrong labels drawn once, then layer 2 takes 1000 steps on its outputs. Pixels are standardised; then the label
    fills the first ten of them, with 0 and, at the class, the largest value. Two things cannot be repeated: the order
    of the images, which another generator draws, and the wrong labels, which are drawn without a seed.

    Example:
        >>> paper(Settings(net="greedy")).repeats
        1000
    """
    options: dict[str, Any] = {"widths": WIDTHS, "norm": "unit", "standardise": (MEAN, DEVIATION)}
    recipe = Recipe(
        model="mlp",
        model_options=options,
        label_rest=MEAN,  # 0 once it is standardised
        gate="threshold",
        scale=1.0,
        theta=3.0,
        optimizer="adam",
        lr=0.03,
        decay="constant",
        order="one_by_one",
        epochs=1,
        batch_size=20_000,
        repeats=1000,
        portions=3,
        redraw=False,
        precision="float32",
        first_block=0,
        validation_images=10_000,
        curve_images=0,
    )
    return of_rule(settings.rule, "greedy")(recipe)


def quick(settings: Settings) -> Recipe:
    """Return the recipe of our other dense networks for the same layers: small batches, new wrong labels every epoch.

    Example:
        >>> quick(Settings(net="greedy")).order
        'one_by_one'
    """
    recipe = Recipe(
        model="mlp",
        model_options={"widths": WIDTHS},
        scale=30.0,
        order="one_by_one",
        epochs=12,
        batch_size=64,
        first_block=0,
        validation_images=10_000,
    )
    return of_rule(settings.rule, "greedy")(recipe)


def smoke(settings: Settings) -> Recipe:
    """Return `quick` with 1,000 images, judged by 500: 30 seconds on two cores, only to show that all parts work.

    Example:
        >>> smoke(Settings(net="greedy")).train_images
        1000
    """
    return of_few_images(quick(settings))


def long(settings: Settings) -> Recipe:
    """Return `quick` with six times the epochs.

    Example:
        >>> long(Settings(net="greedy")).epochs
        72
    """
    return replace(quick(settings), epochs=6 * quick(settings).epochs)


GREEDY_PRESETS: dict[str, Callable[[Settings], Recipe]] = {
    "smoke": smoke,
    "quick": quick,
    "paper": paper,
    "long": long,
}
