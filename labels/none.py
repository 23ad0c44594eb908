"""No label at all: for networks whose label is not in the image."""

from typing import Any

from torch import Tensor

from labels.base import check_labelled, spread
from labels.fields import class_count


class NoLabels:
    """Leaves images unchanged; it only holds the number of classes.

    Not in `LABELS`: a network that learns from labels in the image would have nothing to learn from.

    Args:
        num_classes: number of classes K.

    Example:
        >>> import torch
        >>> images = torch.rand(2, 1, 4, 4)
        >>> torch.equal(NoLabels(3)(images, torch.tensor([0, 2])), images)
        True
    """

    def __init__(self, num_classes: int) -> None:
        self.num_classes = num_classes

    def __call__(self, images: Tensor, classes: Tensor) -> Tensor:
        """See `labels.base.LabelGenerator`; return one copy of each image per class given for it."""
        check_labelled(images, classes, self.num_classes)
        return spread(images, classes).clone()

    def neutral(self, images: Tensor) -> Tensor:
        """Return the images unchanged."""
        return images

    def patterns(self, image: Tensor) -> Tensor:
        """Return zeros `[K, C, H, W]`."""
        return image.new_zeros(self.num_classes, *image.shape)

    def channels(self, image_channels: int) -> int:
        """Return the number of channels of the image."""
        return image_channels

    def spec(self) -> dict[str, Any]:
        """Return JSON-ready arguments."""
        return {"family": "none", "num_classes": self.num_classes}

    @classmethod
    def from_spec(cls, spec: dict[str, Any]) -> "NoLabels":
        """Build a generator from its `spec()`."""
        return cls(class_count(spec))
