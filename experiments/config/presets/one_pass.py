"""Networks that see each image once per step: no label is in it. Imports no torch.

The label is at the output, in every block or in a stream of its own, or a classifier compares all classes.
"""

from dataclasses import replace
from typing import Any

from experiments.config.presets.mirrored import CLOTHES, PHOTOGRAPHS, flips_of
from experiments.config.recipe import Recipe
from experiments.config.settings import Settings

RULES = ("local_head", "softhebb", "ghl", "bp")  # these see each image once, wherever the label is
MIRRORED = (*PHOTOGRAPHS, *CLOTHES)

# Widths that 10 divides, for groups of channels; other numbers of classes round them.
NETS: dict[str, dict[str, Any]] = {
    "cnn3": {"width": 40, "kernel": 5, "stride": 2},
    "cnn6": {"widths": (80, 120, 120, 240, 240, 240), "pool_after": (1, 2, 4)},
    "mlp": {"widths": (1000, 1000, 1000)},
    "resnet": {"widths": (40, 60, 120)},
    "deephebb": {"widths": (60, 120, 240)},
    "fasthebb": {"widths": (60, 80, 120, 160)},
    "resnet_he": {"depth": 20, "widths": (20, 30, 60)},
}


LARGER = ("mnist", "fashion_mnist", "cifar10")  # data sets whose longer trainings get larger maps
LARGE_MAPS: dict[str, Any] = {"widths": (60, 120, 160, 240, 320, 320), "pool_after": (2, 4, 5)}


def sees_once(settings: Settings) -> bool:
    """Return whether no pass of an image carries a label.

    Example:
        >>> sees_once(Settings(label_at="output")), sees_once(Settings())
        (True, False)
    """
    return settings.label_at != "image" or settings.rule in RULES


def quick(settings: Settings) -> Recipe:
    """Return a recipe that compares all classes in every step, orthogonalised: 5 minutes on two cores.

    Example:
        >>> quick(Settings(label_at="output")).optimizer
        'orthogonal'
    """
    model = settings.model or "cnn6"
    divided = model == "cnn6" and settings.dataset in ("cifar10", "cifar100")  # maps of 32, 16, 8 and 4 pixels
    return Recipe(
        model=model,
        model_options=dict(NETS.get(model, {})),
        label_regions=4 if divided and settings.label_at == "blocks" else None,
        gate="softmax",
        scale=16.0,
        optimizer="orthogonal",
        lr=0.02,
        batch_size=128,
        epochs=5 if settings.dataset in ("mnist", "fashion_mnist") else 6,  # which have a fifth more images
        stagger=0.3,  # a sixth faster, and no worse
        first_scored=3 if model == "cnn6" else None,  # the first three of six blocks are weaker by 5 points and more
        augment=flips_of(settings.dataset, mirrored=MIRRORED),
    )


def longer(settings: Settings, recipe: Recipe) -> Recipe:
    """Train for 30 minutes, with images also shifted by up to 2 pixels against overfitting.

    With the label at the output, the network gets larger maps instead of mirrored images that are also shifted: pooled
    later, they leave more to the upper blocks. On CIFAR-10 and Fashion-MNIST the last block is then best alone (chosen
    on validation images of CIFAR-10, by `experiments/settings/cifar10_long.toml`).

    Example:
        >>> longer(Settings(dataset="mnist"), quick(Settings(label_at="output"))).augment
        'shifts'
        >>> longer(Settings(label_at="output"), quick(Settings(label_at="output"))).model_options["pool_after"]
        (2, 4, 5)
    """
    mirrored = settings.dataset in MIRRORED
    if settings.dataset in LARGER and settings.label_at == "output" and recipe.model == "cnn6":
        recipe = replace(recipe, model_options=dict(LARGE_MAPS), epochs=10)
        return replace(recipe, first_scored=5) if mirrored else replace(recipe, augment="shifts")
    return replace(recipe, epochs=round(5.5 * recipe.epochs), augment="flips_shifts" if mirrored else "shifts")
