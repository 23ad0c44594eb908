"""The labels of a run: of set 1, or chosen from candidates."""

import inspect
from dataclasses import replace
from typing import Any

from convff import MODELS, ImageData
from experiments.config.recipe import Recipe
from experiments.config.settings import LABELS_APART, Settings
from experiments.label_sets.choice import CHOOSABLE, choose
from experiments.run.building import build, look_up
from labels import LABELS, LabelGenerator, NoLabels, StreamLabels


def with_selection(settings: Settings, recipe: Recipe, data: ImageData) -> Recipe:
    """Return the recipe, with optimised labels if set 1 has too few for the data and no selection is given."""
    family = CHOOSABLE.get(settings.labels) if settings.takes_labels else None
    if recipe.label_selection or family is None or family.has_set_1(data.num_classes, data.shape[1:]):
        return recipe
    return replace(recipe, label_selection="optimised")


def new_labels(settings: Settings, recipe: Recipe, data: ImageData) -> LabelGenerator:
    """Build the label generator: in the image, as images of their own, or none if no image carries a label.

    Example:
        >>> import torch
        >>> data = ImageData(torch.zeros(2, 1, 8, 8, dtype=torch.uint8), torch.tensor([0, 1]), ("a", "b"), "toy")
        >>> new_labels(Settings(labels="onehot"), Recipe(model="mlp"), data).num_classes
        2
    """
    if not settings.takes_labels:
        return NoLabels(data.num_classes)
    labels = _of_family(settings, recipe, data)
    return StreamLabels(labels) if settings.label_at in LABELS_APART else labels


def _of_family(settings: Settings, recipe: Recipe, data: ImageData) -> LabelGenerator:
    """Build labels of set 1, or labels chosen from candidates."""
    if recipe.label_selection is None:
        offered = {
            "num_classes": data.num_classes,
            "image_size": data.shape[1:],
            "intensity": recipe.label_intensity,
            "rest": recipe.label_rest,
            "seed": settings.seed,
        }
        asked: dict[str, Any] = {} if settings.label_intensity is None else {"intensity": settings.label_intensity}
        if recipe.label_planes is not None:
            asked |= {"planes": "codes", "count": recipe.label_planes}
        labels: LabelGenerator = build(f"labels {settings.labels}", label_family(settings), asked, offered)
        return labels
    return choose(
        settings.labels,
        recipe.label_selection,
        num_classes=data.num_classes,
        image_size=data.shape[1:],
        kernel_size=kernel_size(recipe),
        intensity=recipe.label_intensity,
        seed=settings.seed,
    ).labels


def label_family(settings: Settings) -> Any:
    """Return the class of the label generator; for labels that are images of their own, that of their family.

    Example:
        >>> label_family(Settings(labels="morph")).__name__, label_family(Settings(label_at="output")).__name__
        ('MorphLabels', 'NoLabels')
    """
    return look_up("labels", settings.labels, LABELS) if settings.takes_labels else NoLabels


def kernel_size(recipe: Recipe) -> int:
    """Return the side of the first filters; for a network without filters, the largest one of the paper, 7.

    Example:
        >>> kernel_size(Recipe(model="cnn3", model_options={"kernel": 5})), kernel_size(Recipe(model="mlp"))
        (5, 7)
    """
    known = inspect.signature(MODELS[recipe.model]).parameters
    size: int = recipe.model_options.get("kernel", known["kernel"].default if "kernel" in known else 7)
    return size
