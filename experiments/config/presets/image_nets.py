"""Presets of networks for images. Imports no torch.

A preset is a function from the settings to a recipe. Times are for two cores of a server CPU with AVX-512 BF16 (AMD
EPYC, no AMX), unless said otherwise. All numbers were chosen on validation images.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from experiments.config.presets import one_pass
from experiments.config.presets.rules import of_dataset, of_labels, of_place, of_rule
from experiments.config.recipe import Recipe, of_few_images
from experiments.config.settings import Settings, SettingsError

GRAY = ("mnist", "fashion_mnist", "digits")


def quick(settings: Settings) -> Recipe:
    """Return a recipe for 5 minutes on two cores; the README lists its accuracies.

    Example:
        >>> quick(Settings(dataset="mnist")).model
        'cnn3'
    """
    if one_pass.sees_once(settings):
        recipe = of_place(settings.label_at, "quick")(one_pass.quick(settings))
        return of_rule(settings.rule, "one_pass")(of_dataset(settings.dataset, settings.label_at)(recipe))
    recipe = _QUICK_NETS.get(_net(settings), _quick_any)(settings)
    return of_labels(settings.labels, settings.rule)(of_rule(settings.rule, "quick")(recipe))


def smoke(settings: Settings) -> Recipe:
    """Return `quick` with 1,000 images, judged by 500: 30 seconds on two cores, only to show that all parts work.

    Example:
        >>> smoke(Settings()).train_images
        1000
    """
    # After few steps the higher blocks are worse than the lower ones, so all but the first count.
    return replace(of_few_images(quick(settings)), first_scored=None)


def long(settings: Settings) -> Recipe:
    """Return `quick` with more epochs: 30 minutes on two cores.

    Example:
        >>> long(Settings()).epochs
        18
    """
    recipe = quick(settings)
    if one_pass.sees_once(settings):
        return one_pass.longer(settings, recipe)
    return replace(recipe, epochs=6 * recipe.epochs)


def paper(settings: Settings) -> Recipe:
    """Return the setting of Scodellaro et al. 2025, as far as its main text gives it; days on two cores.

    Not measured yet.

    MNIST: 3 x 128 filters of 7 x 7, 200 epochs of batches of 50, Adam 5e-5 with cooldown, K = 0.35 (99.16 % by
    goodness).
    CIFAR: 6 convolutions, 100 epochs of batches of 32, Adam 1e-4 constant, K = 0.30 (60.9 % Fourier, 68.6 % morphology,
    by the readout). Sum goodness against a threshold equal to the number of units. Widths on CIFAR are ours.

    Example:
        >>> paper(Settings(dataset="mnist")).epochs
        200
    """
    if settings.label_at != "image":
        raise SettingsError("--preset paper needs --label-at image, as in the paper: use --preset quick instead")
    model = _net(settings)
    common = Recipe(
        model=model,
        model_options=dict(_PAPER_OPTIONS.get(model, {})),
        gate="threshold",
        scale=1.0,
        reduction="sum",
        joint_readout=True,
    )
    if settings.dataset in GRAY:
        recipe = replace(
            common,
            label_intensity=0.35,
            lr=5e-5,
            epochs=200,
            batch_size=50,
        )
    else:
        recipe = replace(common, label_intensity=0.30, lr=1e-4, decay="constant", epochs=100, batch_size=32)
    return of_rule(settings.rule, "paper")(recipe)


_PAPER_OPTIONS: dict[str, dict[str, Any]] = {
    "cnn3": {"width": 128, "kernel": 7},
    "cnn6": {"widths": (32, 32, 64, 64, 128, 128)},
    "mlp": {"widths": (2000, 2000, 2000, 2000)},
}


def _net(settings: Settings) -> str:
    return settings.model or ("cnn3" if settings.dataset in GRAY else "cnn6")


def _quick_cnn3(settings: Settings) -> Recipe:
    """Return a small, strided version of the paper's network for MNIST."""
    options = {"width": 32, "kernel": 5, "stride": 2}
    return Recipe(model="cnn3", model_options=options, label_intensity=0.35, scale=100.0, epochs=8)


def _quick_cnn6(settings: Settings) -> Recipe:
    """Return the paper's depth, pooled early: a third of the cost of pooling late, and better at equal time."""
    options = {"widths": (32, 64, 64, 128, 128, 128), "pool_after": (1, 2, 4)}
    # Morphology is harder to read than waves, which learn equally well at the paper's 0.3.
    intensity = 0.5 if settings.labels in ("morph", "echo") else 0.3
    # Ten more input channels make a step slower.
    epochs = 5 if settings.labels in ("channel", "layerwise") else 6
    return Recipe(model="cnn6", model_options=options, label_intensity=intensity, epochs=epochs)


def _quick_mlp(settings: Settings) -> Recipe:
    """Return the dense network of the field's public base code."""
    return Recipe(model="mlp", model_options={"widths": (1000, 1000, 1000)}, scale=30.0, epochs=12, batch_size=64)


def _quick_resnet(settings: Settings) -> Recipe:
    """Return a small residual network: five convolutions, two of them pooled."""
    return Recipe(model="resnet", model_options={"widths": (32, 64, 128)}, epochs=5)


def _quick_any(settings: Settings) -> Recipe:
    """Return the network's own defaults, for a network that has no entry here."""
    return Recipe(model=_net(settings), epochs=5)


_QUICK_NETS: dict[str, Callable[[Settings], Recipe]] = {
    "cnn3": _quick_cnn3,
    "cnn6": _quick_cnn6,
    "mlp": _quick_mlp,
    "resnet": _quick_resnet,
}


IMAGE_PRESETS: dict[str, Callable[[Settings], Recipe]] = {"smoke": smoke, "quick": quick, "paper": paper, "long": long}
