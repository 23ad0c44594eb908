"""Presets of SoftHebb on its own network. Imports no torch.

Published are widths, rates, temperatures, batches and the classifier. Widths and epochs of shorter presets are ours.
Times are for two cores; they contain the classifier, which learns after the network.
"""

from collections.abc import Callable
from dataclasses import replace

from experiments.config.presets.mirrored import flips_of
from experiments.config.recipe import Recipe, of_few_images
from experiments.config.settings import Settings

PAPER = (96, 384, 1536)
HALF = (48, 192, 768)
QUARTER = (24, 96, 384)


def paper(settings: Settings) -> Recipe:
    """Return the published setting: one epoch in batches of 10, every image once. About 20 minutes.

    Example:
        >>> paper(Settings(rule="softhebb")).block_factors
        (1.0, 0.0625, 0.125)
    """
    return Recipe(
        model="deephebb",
        model_options={"widths": PAPER, "activation": "triangle", "padding": "reflect", "init_radius": 25.0},
        rule_options={"temperature": (1.0, 0.65, 0.25)},
        optimizer="norm_dependent",
        lr=0.08,
        block_factors=(1.0, 0.0625, 0.125),  # rates 0.08, 0.005 and 0.01
        momentum=0.0,
        decay="constant",
        epochs=1,
        batch_size=10,
        first_block=2,  # the classifiers read the last block alone
        curve_images=0,  # no label is seen, so there is nothing to watch: all images are learnt from
        readout_grid=4,
    )


def quick(settings: Settings) -> Recipe:
    """Return the published setting at half the width: 8 minutes with one classifier, 17 with both.

    Example:
        >>> quick(Settings(rule="softhebb")).model_options["widths"]
        (48, 192, 768)
    """
    return of_widths(paper(settings), HALF)


def smoke(settings: Settings) -> Recipe:
    """Return a quarter of the width and 1,000 images, judged by 500: 30 seconds, only to show that all parts work.

    Example:
        >>> smoke(Settings(rule="softhebb")).train_images
        1000
    """
    return of_few_images(of_widths(paper(settings), QUARTER))


def long(settings: Settings) -> Recipe:
    """Return the published network for two epochs, with mirrored images where classes allow that.

    Example:
        >>> long(Settings(rule="softhebb")).epochs
        2
    """
    return replace(paper(settings), epochs=2, augment=flips_of(settings.dataset))


def of_widths(recipe: Recipe, widths: tuple[int, ...]) -> Recipe:
    """Return the same recipe for a network of other widths.

    Example:
        >>> of_widths(Recipe(model="deephebb"), QUARTER).model_options
        {'widths': (24, 96, 384)}
    """
    return replace(recipe, model_options=recipe.model_options | {"widths": widths})


SOFTHEBB_PRESETS: dict[str, Callable[[Settings], Recipe]] = {
    "smoke": smoke,
    "quick": quick,
    "paper": paper,
    "long": long,
}
