"""Presets of networks that settle (`--rule recurrent`; Hinton 2022, sections 3.4 and 4). Imports no torch.

Published are layers, fields, epochs, iterations and damping. In `paper`, rates, batches, first weights and decay of
weights are those of Hinton's code for his supervised networks, translated as in `hinton_nets.py`: our reconstruction.
`quick` and `long` have what was best on validation images in equal minutes (`experiments/settings/mnist_recurrent.toml`
and `cifar10_recurrent.toml`); how long they take is in `docs/hinton.md`.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from experiments.config.presets.hintons_step import HINTONS_STEP
from experiments.config.presets.mirrored import flips_of
from experiments.config.presets.rules import of_rule
from experiments.config.recipe import Recipe, of_few_images
from experiments.config.settings import Settings

OF_DIGITS = ("mnist", "fashion_mnist")  # the paper's dense network is for these, its local fields for colour images
PAPER = (2000, 2000)
SMALL = (500, 500)
OURS: dict[str, Any] = {
    "gate": "symmetric",
    "scale": 0.03,
    "optimizer": "orthogonal",
    "weight_decay": 0.0,
    "batch_size": 250,
    "precision": "bfloat16",
}


def paper(settings: Settings) -> Recipe:
    """Return the published setting: 60 epochs, hours without a GPU.

    Learning starts when each layer has heard of the image and the label, which the paper leaves open.

    Example:
        >>> paper(Settings(rule="recurrent", dataset="mnist")).model_options, paper(Settings(rule="recurrent")).model
        ({'widths': (2000, 2000)}, 'recurrent_local')
    """
    dense = model_of(settings) == "recurrent_mlp"
    recipe = Recipe(
        model=model_of(settings),
        model_options={"widths": PAPER} if dense else {"centre": 0.5},
        rule_options={"learn_from": 2} if dense else {"iterations": 10, "learn_from": 3, "counted": (4, 6)},
        reduction="sum" if dense else "minus_sum",
        negatives_from="neutral",
        epochs=60,
        **HINTONS_STEP,
        softmax_rate=0.1 if dense else 0.03,  # of 6,144 units; at 0.1 its loss stays above that of guessing
        first_block=0,
        curve_images=500,
        validation_images=10_000 if dense else 5_000,
    )
    return of_rule(settings.rule, "recurrent")(recipe)


def quick(settings: Settings) -> Recipe:
    """Return 2 x 500 units for 10 epochs, or local fields for 3, with five iterations: 5 minutes.

    Backpropagation has 15 epochs: a step of one pass takes about a tenth of the time.

    Example:
        >>> quick(Settings(rule="recurrent", dataset="mnist")).epochs, quick(Settings(rule="recurrent")).rule_options
        (10, {'iterations': 5, 'learn_from': 3, 'counted': (3, 5)})
    """
    if model_of(settings) == "recurrent_mlp":
        return _ours(settings, epochs=10, bp_epochs=15, model_options={"widths": SMALL}, lr=0.02)
    return _ours(settings, epochs=3, bp_epochs=15, lr=0.01)


def smoke(settings: Settings) -> Recipe:
    """Return `quick` with 1,000 images, judged by 500: 30 seconds, only to show that all parts work.

    Example:
        >>> smoke(Settings(rule="recurrent", dataset="mnist")).train_images
        1000
    """
    return of_few_images(quick(settings))


def long(settings: Settings) -> Recipe:
    """Return 15 epochs: 2 x 1000 units on shifted images, or local fields, on CIFAR mirrored: 25 to 40 minutes.

    Example:
        >>> long(Settings(rule="recurrent", dataset="mnist")).model_options
        {'widths': (1000, 1000)}
    """
    if model_of(settings) == "recurrent_mlp":
        wide = {"widths": (1000, 1000)}
        return _ours(settings, epochs=15, bp_epochs=30, model_options=wide, lr=0.01, augment="shifts_zero")
    return _ours(settings, epochs=15, bp_epochs=30, lr=0.01, augment=flips_of(settings.dataset))


def model_of(settings: Settings) -> str:
    """Return the network of the settings: dense layers for digits, local fields for colour images.

    Example:
        >>> model_of(Settings(dataset="mnist")), model_of(Settings(dataset="cifar10"))
        ('recurrent_mlp', 'recurrent_local')
    """
    return settings.model or ("recurrent_mlp" if settings.dataset in OF_DIGITS else "recurrent_local")


def _ours(settings: Settings, *, epochs: int, bp_epochs: int, **more: Any) -> Recipe:
    """Return the paper's networks with a step that learns faster, and fewer iterations and epochs."""
    published = paper(replace(settings, rule="recurrent"))
    options: dict[str, Any] = {
        "rule_options": {**published.rule_options, "iterations": 5, "counted": (3, 5)},
        "reduction": "sum",
        "epochs": epochs if settings.rule == "recurrent" else bp_epochs,
    }
    return of_rule(settings.rule, "recurrent")(replace(published, **OURS, **options, **more))


RECURRENT_PRESETS: dict[str, Callable[[Settings], Recipe]] = {
    "smoke": smoke,
    "quick": quick,
    "paper": paper,
    "long": long,
}
