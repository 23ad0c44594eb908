"""Presets of the HebbFF paper's dense networks (`--net`), with the label at every layer. Imports no torch.

Every number that the paper leaves open was chosen on validation images, the last 12,000 training images of a data set.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from experiments.config.recipe import Recipe, of_few_images
from experiments.config.settings import Settings, SettingsError

WIDTHS = {"deep": (2048, 1024, 512, 256, 10), "wide": (2000, 2000, 10)}

# Found by `experiments/search.py`; its commands and trials are in `experiments/results/search/`.
FOUND: dict[tuple[str, str, str], dict[str, float]] = {
    ("fashion_mnist", "deep", "bp"): {"lr": 0.0333},
    ("fashion_mnist", "deep", "ff"): {"lr": 21.3, "theta": 3.9e-06, "label_scale": 0.267},
    ("fashion_mnist", "deep", "hebbff"): {"lr": 0.000163, "theta": 3.9e-06, "label_scale": 0.267},
    ("fashion_mnist", "wide", "bp"): {"lr": 0.0333},
    ("fashion_mnist", "wide", "ff"): {"lr": 20.0, "theta": 5.28e-06, "label_scale": 0.233},
    ("fashion_mnist", "wide", "hebbff"): {"lr": 0.000156, "theta": 5.28e-06, "label_scale": 0.233},
    ("mnist", "deep", "bp"): {"lr": 0.1},
    ("mnist", "deep", "ff"): {"lr": 22.9, "theta": 8.01e-05, "label_scale": 0.557},
    ("mnist", "deep", "hebbff"): {"lr": 0.00032, "theta": 0.00506, "label_scale": 0.146},
    ("mnist", "wide", "bp"): {"lr": 0.1},
    ("mnist", "wide", "ff"): {"lr": 37.7, "theta": 0.57, "label_scale": 0.589},
    ("mnist", "wide", "hebbff"): {"lr": 0.000294, "theta": 0.57, "label_scale": 0.589},
}


def paper(settings: Settings) -> Recipe:
    """Return the recipe of the HebbFF paper: mean goodness against a threshold, plain SGD, batches of 128, no decay.

    The paper gives neither learning rate and threshold, nor the label's scale, nor the epochs. The first three
    were found by a search for each data set, network and rule; the epochs are ours.

    Raises:
        SettingsError: no numbers were searched for the rule.

    Example:
        >>> paper(Settings(dataset="mnist", net="wide", rule="bp")).lr
        0.1
    """
    net, rule = settings.net or "deep", settings.rule
    if ("mnist", net, rule) not in FOUND:
        known = " or ".join(sorted({rule for _, _, rule in FOUND}))
        raise SettingsError(f"--net {net} cannot be used with --rule {rule}; it can with --rule {known}")
    # Data sets without a search take the numbers of MNIST; under backpropagation no label is scaled.
    found = {"label_scale": 1.0} | FOUND.get((settings.dataset, net, rule), FOUND["mnist", net, rule])
    return Recipe(
        model="mlp",
        model_options=_net(settings, label_scale=found["label_scale"]),
        gate="threshold",
        scale=1.0,
        optimizer="sgd",
        theta=found.get("theta"),
        lr=found["lr"],
        momentum=0.0,
        decay="constant",
        epochs=5,
        batch_size=128,
        first_block=0,
        validation_images=12_000,
    )


def quick(settings: Settings) -> Recipe:
    """Return our own recipe, 3 minutes on two cores: right against wrong label of one image, and Adam.

    Adam ignores the length of a direction, so with Adam HebbFF and FF are the same method.

    Example:
        >>> quick(Settings(net="wide")).optimizer
        'adam'
    """
    return replace(
        paper(settings),
        model_options=_net(settings, label_scale=0.25),
        gate="symmetric",
        scale=30.0,
        theta=None,
        optimizer="adam",
        lr=1e-3,
        momentum=0.9,
        decay="cooldown",
        epochs=10,
    )


def smoke(settings: Settings) -> Recipe:
    """Return `quick` with 1,000 images, judged by 500: 30 seconds on two cores, only to show that all parts work.

    Example:
        >>> smoke(Settings(net="wide")).train_images
        1000
    """
    return of_few_images(quick(settings))


def long(settings: Settings) -> Recipe:
    """Return `quick` with six times the epochs.

    Example:
        >>> long(Settings(net="wide")).epochs
        60
    """
    return replace(quick(settings), epochs=60)


def _net(settings: Settings, label_scale: float) -> dict[str, Any]:
    """Return the model's options. Under backpropagation the softmax head replaces the last layer of 10 units."""
    widths = WIDTHS[settings.net or "deep"]
    options: dict[str, Any] = {"widths": widths[:-1] if settings.rule == "bp" else widths}
    return options | ({"label_scale": label_scale} if settings.labels == "layerwise" else {})


HEBBFF_PRESETS: dict[str, Callable[[Settings], Recipe]] = {
    "smoke": smoke,
    "quick": quick,
    "paper": paper,
    "long": long,
}
