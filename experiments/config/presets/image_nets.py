"""Presets: from a few names on the command line to every number of a run. Imports no torch.

A preset is a function from the settings to a recipe. Times are for two cores of a server CPU with AVX-512 BF16 (AMD
EPYC, no AMX), unless said otherwise. All numbers were chosen on validation images.
"""

from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

from experiments.config.presets.hebbff_nets import HEBBFF_PRESETS
from experiments.config.recipe import Recipe
from experiments.config.settings import Settings

GRAY = ("mnist", "fashion_mnist", "digits")


def recipe_for(settings: Settings) -> Recipe:
    """The recipe of the settings' preset, with every number that the settings name themselves put in its place.

    Example:
        >>> recipe_for(Settings(dataset="mnist", preset="paper")).model_options
        {'width': 128, 'kernel': 7}
        >>> recipe_for(Settings(dataset="mnist", lr=0.5)).lr
        0.5
        >>> recipe_for(Settings(width=8)).model_options["widths"]
        (8, 16, 16, 32, 32, 32)
    """
    presets = PRESETS if settings.net is None else HEBBFF_PRESETS
    recipe = presets[settings.preset](settings)
    asked = {name: value for name, value in settings.as_json().items() if value is not None}
    asked["intensity"] = asked.get("label_intensity", recipe.intensity)
    if settings.gate is not None and settings.gate != recipe.gate:
        recipe = replace(recipe, theta=None)  # a preset's threshold is for its own gate
    named = {name: asked[name] for name in asdict(recipe) if name in asked and name != "model"}
    if settings.width is not None:
        named["model_options"] = _of_width(settings.width, recipe.model_options)
    if settings.label_scale is not None:
        named["model_options"] = named.get("model_options", recipe.model_options) | {
            "label_scale": settings.label_scale
        }
    return replace(recipe, **named)


def _of_width(width: int, options: dict[str, Any]) -> dict[str, Any]:
    """A model's options with so many filters in the first layer, and in the others as many times as before."""
    if "width" in options:
        return options | {"width": width}
    first = options["widths"][0]
    return options | {"widths": tuple(max(1, width * each // first) for each in options["widths"])}


def quick(settings: Settings) -> Recipe:
    """5 minutes on two cores. What it reaches on every data set, with every rule, stands in the README's table."""
    recipe = _QUICK_NETS[_net(settings)](settings)
    return _RULE_STEPS[settings.rule](recipe)


def smoke(settings: Settings) -> Recipe:
    """30 seconds on two cores: `quick` with 1,000 images, judged by 500. It shows that all parts work, no more."""
    return replace(quick(settings), epochs=1, train_images=1000, readout_images=1000, test_images=500)


def best(settings: Settings) -> Recipe:
    """Our own longest recipe: `quick`'s, with wider layers and 60 epochs. Meant for a GPU; not measured yet."""
    recipe = quick(settings)
    options = dict(recipe.model_options)
    for name in ("widths", "width"):
        if name in options:
            options[name] = tuple(2 * w for w in options[name]) if name == "widths" else 2 * options[name]
    return replace(recipe, model_options=options, epochs=60)


def paper(settings: Settings) -> Recipe:
    """The setting of Scodellaro et al. 2025 as far as its main text tells; days on two cores. Not measured yet.

    MNIST: 3 x 128 filters of 7 x 7, 200 epochs of batches of 50, Adam 5e-5 with cooldown, K = 0.35 (99.16 % by
    goodness).
    CIFAR: 6 convolutions, 100 epochs of batches of 32, Adam 1e-4 constant, K = 0.30 (60.9 % Fourier, 68.6 % morphology,
    by the readout). Sum goodness against a threshold of as many as there are units. Widths on CIFAR are ours.
    """
    model = _net(settings)
    common = Recipe(
        model=model,
        model_options=dict(_PAPER_OPTIONS[model]),
        gate="threshold",
        scale=1.0,
        reduction="sum",
        joint_readout=True,
    )
    if settings.dataset in GRAY:
        recipe = replace(
            common,
            intensity=0.35,
            lr=5e-5,
            epochs=200,
            batch_size=50,
        )
    else:
        recipe = replace(common, intensity=0.30, lr=1e-4, decay="constant", epochs=100, batch_size=32)
    if settings.rule == "hebbff":  # with mean goodness, the same threshold is 1
        recipe = replace(_relative_steps(recipe), theta=1.0, reduction="mean")
    return recipe


_PAPER_OPTIONS: dict[str, dict[str, Any]] = {
    "cnn3": {"width": 128, "kernel": 7},
    "cnn6": {"widths": (32, 32, 64, 64, 128, 128)},
    "mlp": {"widths": (2000, 2000, 2000, 2000)},
}


def _net(settings: Settings) -> str:
    return settings.model or ("cnn3" if settings.dataset in GRAY else "cnn6")


def _quick_cnn3(settings: Settings) -> Recipe:
    """A small, strided version of the paper's network for MNIST."""
    options = {"width": 32, "kernel": 5, "stride": 2}
    return Recipe(model="cnn3", model_options=options, intensity=0.35, scale=100.0, epochs=8)


def _quick_cnn6(settings: Settings) -> Recipe:
    """The paper's depth, pooled early: a third of the cost of pooling late, and better at equal time."""
    options = {"widths": (32, 64, 64, 128, 128, 128), "pool_after": (1, 2, 4)}
    # Half the image is the echo: morphology is harder to read than waves, which learn as well at the paper's 0.3.
    intensity = 0.5 if settings.labels in ("morph", "echo") else 0.3
    # Ten more input channels make a step dearer.
    epochs = 5 if settings.labels in ("channel", "layerwise") else 6
    return Recipe(model="cnn6", model_options=options, intensity=intensity, epochs=epochs)


def _quick_mlp(settings: Settings) -> Recipe:
    """The dense network of the field's public base code."""
    return Recipe(model="mlp", model_options={"widths": (1000, 1000, 1000)}, scale=30.0, epochs=12, batch_size=64)


_QUICK_NETS: dict[str, Callable[[Settings], Recipe]] = {"cnn3": _quick_cnn3, "cnn6": _quick_cnn6, "mlp": _quick_mlp}


def _adam(recipe: Recipe) -> Recipe:
    return recipe


def _relative_steps(recipe: Recipe) -> Recipe:
    """A Hebbian step as long as a share of the weights: one rate fits all blocks."""
    return replace(recipe, optimizer="relative", lr=0.005, momentum=0.9)


_RULE_STEPS: dict[str, Callable[[Recipe], Recipe]] = {"ff": _adam, "hebbff": _relative_steps, "bp": _adam}

PRESETS: dict[str, Callable[[Settings], Recipe]] = {"smoke": smoke, "quick": quick, "paper": paper, "best": best}
