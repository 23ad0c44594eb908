"""Layerwise labels: one-hot planes beside the image, and again beside the input of every further block."""

from typing import Any

from torch import Tensor

from labels.channel import ChannelLabels
from labels.fields import class_count, size_of


class LayerwiseLabels(ChannelLabels):
    """One-hot label channels that the network carries along: each block sees its input and the label.

    Images are labelled as by `ChannelLabels`. In addition, `repeated_channels` tells the network to append the label
    planes to the input of every block (see `convff.LayerLocalNet`), so that no block has to find the label in the
    activity of the block below.

    Args:
        num_classes: number of classes.
        image_size: height and width.

    Example:
        >>> LayerwiseLabels(10, (32, 32)).repeated_channels
        10

    Reference:
        HebbFF (Krutsylo), section 3: "we concatenate a scaled one-hot label vector to the activations at every layer",
        there for dense layers. Planes for convolutions are ours.
    """

    def __init__(self, num_classes: int, image_size: tuple[int, int]) -> None:
        super().__init__(num_classes, image_size)

    @property
    def repeated_channels(self) -> int:
        """Number of trailing input channels that hold the label, to be repeated for every block."""
        return self.num_classes

    def constant_planes(self, images: Tensor, classes: Tensor) -> None:
        """Return None: the planes are laid out, because every block takes them."""

    def spec(self) -> dict[str, Any]:
        """Return JSON-ready arguments."""
        return {"family": "layerwise", "num_classes": self.num_classes, "image_size": list(self.image_size)}

    @classmethod
    def from_spec(cls, spec: dict[str, Any]) -> "LayerwiseLabels":
        """Build a generator from its `spec()`."""
        return cls(class_count(spec), size_of(spec))
