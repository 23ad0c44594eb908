"""Presets of Hinton's supervised network (`--net hinton`): dense layers, the label in ten pixels. Imports no torch.

Numbers are those of the paper, and where it gives none, of Hinton's own Matlab code (`ffnew.m`), translated: our
direction is twice his, so his rate of 0.01 is 0.005 here and his weight cost of 0.001 a decay of 0.002. The softmax
has his rates, 0.1 and 0.003. How long they take is in `docs/hinton.md`.
"""

from collections.abc import Callable
from dataclasses import replace

from experiments.config.presets.hintons_step import HINTONS_STEP
from experiments.config.presets.rules import of_rule
from experiments.config.recipe import Recipe, of_few_images
from experiments.config.settings import Settings, SettingsError

PAPER = (2000, 2000, 2000, 2000)
RELEASED = (1000, 1000, 1000)  # of the code
WITHOUT = ("local_head", "softhebb", "ghl")  # rules that have no place in his step


def paper(settings: Settings) -> Recipe:
    """Return the paper's network: 4 x 2000 units, 60 epochs of batches of 100.

    Example:
        >>> recipe = paper(Settings(net="hinton"))
        >>> recipe.model_options["widths"], recipe.epochs, recipe.negatives_from
        ((2000, 2000, 2000, 2000), 60, 'neutral')
    """
    return _hinton(settings, PAPER, epochs=60)


def quick(settings: Settings) -> Recipe:
    """Return the network of the released code, 3 x 1000 units, for 16 epochs: 5 minutes.

    Example:
        >>> quick(Settings(net="hinton")).epochs
        16
    """
    return _hinton(settings, RELEASED, epochs=16)


def smoke(settings: Settings) -> Recipe:
    """Return `quick` with 1,000 images, judged by 500: 30 seconds on two cores, only to show that all parts work.

    Example:
        >>> smoke(Settings(net="hinton")).train_images
        1000
    """
    return of_few_images(quick(settings))


def long(settings: Settings) -> Recipe:
    """Return `quick` for 90 epochs of images shifted by up to two pixels: 30 minutes.

    Example:
        >>> long(Settings(net="hinton")).augment
        'shifts_zero'
    """
    return replace(quick(settings), epochs=90, augment="shifts_zero")


def _hinton(settings: Settings, widths: tuple[int, ...], epochs: int) -> Recipe:
    """Return Hinton's step on layers of these widths.

    Raises:
        SettingsError: the rule has no passes with a wrong label, or the label is not in the image.
    """
    if settings.rule in WITHOUT:
        raise SettingsError(
            f"--net hinton cannot be used with --rule {settings.rule}; it can with --rule ff or hebbff or bp"
        )
    if settings.label_at != "image":
        raise SettingsError(f"--net hinton cannot be used with --label-at {settings.label_at}; it can with image")
    recipe = Recipe(
        model="mlp",
        model_options={"widths": widths},
        reduction="sum",
        negatives_from="neutral",
        epochs=epochs,
        **HINTONS_STEP,
        validation_images=10_000,
    )
    return of_rule(settings.rule, "hinton")(recipe)


HINTON_PRESETS: dict[str, Callable[[Settings], Recipe]] = {
    "smoke": smoke,
    "quick": quick,
    "paper": paper,
    "long": long,
}
