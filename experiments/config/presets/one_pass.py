"""Networks that see each image once per step: no label is in it. Imports no torch.

The label is at the output, in every block or in a stream of its own, or a classifier compares all classes.
"""

from dataclasses import replace
from typing import Any

from experiments.config.recipe import Recipe
from experiments.config.settings import Settings

RULES = ("local_head", "bp")  # which see each image once wherever the label is said to be
MIRRORED = ("cifar10", "cifar100", "fashion_mnist")  # a mirrored digit is another one, and so may your own images be

# Widths that 10 divides, for groups of channels; other numbers of classes round them.
NETS: dict[str, dict[str, Any]] = {
    "cnn3": {"width": 40, "kernel": 5, "stride": 2},
    "cnn6": {"widths": (80, 120, 120, 240, 240, 240), "pool_after": (1, 2, 4)},
    "mlp": {"widths": (1000, 1000, 1000)},
    "resnet": {"widths": (40, 60, 120)},
}


def sees_once(settings: Settings) -> bool:
    """Whether no pass of an image carries a label."""
    return settings.label_at != "image" or settings.rule in RULES


def quick(settings: Settings) -> Recipe:
    """All classes compared in every step, by orthogonalised steps: 5 minutes on two cores."""
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
        augment="flips" if settings.dataset in MIRRORED else "none",
    )


def longer(settings: Settings, recipe: Recipe) -> Recipe:
    """Go on for 30 minutes, with images moved by up to 2 pixels too, so that they are not learnt by heart."""
    augment = "flips_shifts" if settings.dataset in MIRRORED else "shifts"
    return replace(recipe, epochs=round(5.5 * recipe.epochs), augment=augment)
