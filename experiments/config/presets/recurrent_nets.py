"""Presets of networks that settle (`--rule recurrent`; Hinton 2022, sections 3.4 and 4). Imports no torch.

Published are layers, fields, epochs, iterations and damping. Rates, batches, first weights and decay of weights are
those of Hinton's code for his supervised networks, translated as in `hinton_nets.py`: our reconstruction. Times are for
two cores, and estimates.
"""

from collections.abc import Callable
from dataclasses import replace

from experiments.config.presets.hintons_step import HINTONS_STEP
from experiments.config.presets.rules import of_rule
from experiments.config.recipe import Recipe, of_few_images
from experiments.config.settings import Settings

OF_DIGITS = ("mnist", "fashion_mnist")  # the paper's dense network is for these, its local fields for colour images
PAPER = (2000, 2000)
SMALL = (500, 500)


def paper(settings: Settings) -> Recipe:
    """Return the published setting: 60 epochs, hours without a GPU.

    Example:
        >>> paper(Settings(rule="recurrent", dataset="mnist")).model_options, paper(Settings(rule="recurrent")).model
        ({'widths': (2000, 2000)}, 'recurrent_local')
    """
    dense = model_of(settings) == "recurrent_mlp"
    recipe = Recipe(
        model=model_of(settings),
        model_options={"widths": PAPER} if dense else {"centre": 0.5},
        rule_options={} if dense else {"iterations": 10, "counted": (4, 6)},
        reduction="sum" if dense else "minus_sum",
        negatives_from="neutral",
        epochs=60,
        **HINTONS_STEP,
        first_block=0,
        curve_images=500,
        validation_images=10_000 if dense else 5_000,
    )
    return of_rule(settings.rule, "recurrent")(recipe)


def quick(settings: Settings) -> Recipe:
    """Return 2 x 500 units for 20 epochs, or local fields for 5 epochs of 6 iterations: 5 minutes.

    Example:
        >>> quick(Settings(rule="recurrent", dataset="mnist")).epochs, quick(Settings(rule="recurrent")).rule_options
        (20, {'iterations': 6, 'counted': (3, 5)})
    """
    recipe = paper(settings)
    if recipe.model == "recurrent_mlp":
        return replace(recipe, model_options={"widths": SMALL}, epochs=20)
    return replace(recipe, rule_options=_settling(settings, 6, (3, 5)), epochs=5, train_images=20_000)


def smoke(settings: Settings) -> Recipe:
    """Return `quick` with 1,000 images, judged by 500: 30 seconds, only to show that all parts work.

    Example:
        >>> smoke(Settings(rule="recurrent", dataset="mnist")).train_images
        1000
    """
    return of_few_images(quick(settings))


def long(settings: Settings) -> Recipe:
    """Return 2 x 1000 units for 30 epochs, or local fields for 15 epochs of 8 iterations: 30 minutes.

    Example:
        >>> long(Settings(rule="recurrent", dataset="mnist")).model_options
        {'widths': (1000, 1000)}
    """
    recipe = paper(settings)
    if recipe.model == "recurrent_mlp":
        return replace(recipe, model_options={"widths": (1000, 1000)}, epochs=30)
    return replace(recipe, rule_options=_settling(settings, 8, (4, 6)), epochs=15)


def model_of(settings: Settings) -> str:
    """Return the network of the settings: dense layers for digits, local fields for colour images.

    Example:
        >>> model_of(Settings(dataset="mnist")), model_of(Settings(dataset="cifar10"))
        ('recurrent_mlp', 'recurrent_local')
    """
    return settings.model or ("recurrent_mlp" if settings.dataset in OF_DIGITS else "recurrent_local")


def _settling(settings: Settings, iterations: int, counted: tuple[int, int]) -> dict[str, object]:
    """Return options about iterations, for the rule that has any."""
    return {"iterations": iterations, "counted": counted} if settings.rule == "recurrent" else {}


RECURRENT_PRESETS: dict[str, Callable[[Settings], Recipe]] = {
    "smoke": smoke,
    "quick": quick,
    "paper": paper,
    "long": long,
}
