"""Presets of Global-guided Hebbian learning on the networks of its paper. Imports no torch.

`paper` of DeepHebb and FastHebb is the setting of the authors' code; for residual networks it is our reconstruction.
The others are ours, with times for two cores.
"""

from collections.abc import Callable
from dataclasses import replace

from experiments.config.presets.softhebb_nets import HALF, PAPER, QUARTER, of_widths
from experiments.config.recipe import Recipe, of_few_images
from experiments.config.settings import Settings

SMALL_IMAGES = ("digits",)  # of 8 x 8 pixels
GRAY = ("mnist", "fashion_mnist")
Presets = dict[str, Callable[[Settings], Recipe]]


def deephebb(settings: Settings) -> Recipe:
    """Return the published setting of DeepHebb: hours on two cores.

    Example:
        >>> deephebb(Settings(rule="ghl", model="deephebb")).rule_options["temperature"]
        (1.0, 0.65, 0.25)
    """
    return _plain(
        model="deephebb",
        model_options={"widths": PAPER},
        rule_options={
            "temperature": (1.0, 0.65, 0.25),
            "grid": 2 if settings.dataset in SMALL_IMAGES else 4,
            "dropout": 0.5,
        },
        lr=0.01,
        weight_decay=0.05,
        rest_factor=0.5,
        first_block=2,
    )


def fasthebb(settings: Settings) -> Recipe:
    """Return the published setting of FastHebb.

    Example:
        >>> fasthebb(Settings(rule="ghl", model="fasthebb")).rest_factor
        0.002
    """
    return _plain(
        model="fasthebb",
        model_options={"widths": (96, 128, 192, 256)},
        rule_options={
            "temperature": 1.0,
            "grid": 2 if settings.dataset in GRAY else 3,
            "hidden": 4096,
            "head_norm": True,
            "dropout": 0.5,
        },
        lr=0.05,
        weight_decay=0.01,
        rest_factor=0.002,
        first_block=3,
    )


def resnet_he(settings: Settings) -> Recipe:
    """Return a setting of residual networks, whose temperatures, rates and decay the paper does not give.

    Example:
        >>> resnet_he(Settings(rule="ghl", model="resnet_he")).model_options["depth"]
        20
    """
    return _plain(
        model="resnet_he",
        model_options={"depth": 20, "widths": (16, 32, 64)},
        rule_options={"temperature": 1.0},
        lr=0.05,
        weight_decay=0.01,
        first_block=1,
    )


def _plain(
    *,
    model: str,
    model_options: dict[str, object],
    rule_options: dict[str, object],
    lr: float,
    weight_decay: float,
    first_block: int,
    rest_factor: float = 1.0,
) -> Recipe:
    """Return what all published settings share: plain steps of 64 images for 100 epochs, by a cosine."""
    return Recipe(
        model=model,
        model_options=model_options,
        rule_options=rule_options,
        optimizer="sgd",
        lr=lr,
        momentum=0.0,
        weight_decay=weight_decay,
        rest_factor=rest_factor,
        decay="cosine",
        epochs=100,
        batch_size=64,
        first_block=first_block,
        curve_images=0,  # it learns from every image; shorter presets keep some back to watch
    )


def _shorter(
    paper: Callable[[Settings], Recipe], epochs: int, widths: tuple[int, ...] | None = None
) -> Callable[[Settings], Recipe]:
    """Return a preset of fewer epochs, and perhaps of other widths."""

    def preset(settings: Settings) -> Recipe:
        recipe = replace(paper(settings), epochs=epochs, curve_images=Recipe.curve_images)
        return recipe if widths is None else of_widths(recipe, widths)

    return preset


def _smoke(quick: Callable[[Settings], Recipe]) -> Callable[[Settings], Recipe]:
    """Return a preset of few images."""

    def preset(settings: Settings) -> Recipe:
        return of_few_images(quick(settings))

    return preset


def by_gradient(presets: Presets) -> Presets:
    """Return the presets of the same networks and heads by backpropagation, for about the same minutes.

    The paper gives no setting for its backpropagation; Adam at 1e-3, without decay, is ours.

    Example:
        >>> by_gradient(GHL_PRESETS["deephebb"])["quick"](Settings(rule="bp", model="deephebb")).optimizer
        'adam'
    """
    return {name: _by_gradient(preset) for name, preset in presets.items()}


def _by_gradient(preset: Callable[[Settings], Recipe]) -> Callable[[Settings], Recipe]:
    def by_bp(settings: Settings) -> Recipe:
        recipe = preset(settings)
        options = {name: value for name, value in recipe.rule_options.items() if name != "temperature"}
        return replace(
            recipe,
            rule_options=options,
            optimizer="adam",
            lr=1e-3,
            momentum=0.9,
            weight_decay=0.0,
            rest_factor=1.0,
            # A step costs 3 forward passes instead of 4.
            epochs=recipe.epochs if recipe.epochs in (1, 100) else round(4 / 3 * recipe.epochs),
        )

    return by_bp


GHL_PRESETS: dict[str, Presets] = {
    "deephebb": {
        "smoke": _smoke(_shorter(deephebb, 1, QUARTER)),
        "quick": _shorter(deephebb, 2, HALF),
        "paper": deephebb,
        "long": _shorter(deephebb, 13, HALF),
    },
    "fasthebb": {
        "smoke": _smoke(_shorter(fasthebb, 1)),
        "quick": _shorter(fasthebb, 3),
        "paper": fasthebb,
        "long": _shorter(fasthebb, 16),
    },
    "resnet_he": {
        "smoke": _smoke(_shorter(resnet_he, 1)),
        "quick": _shorter(resnet_he, 3),
        "paper": resnet_he,
        "long": _shorter(resnet_he, 20),
    },
}
