"""Layerwise labels: one-hot planes beside the image, and again beside the input of every further block."""

from typing import Any

from labels.channel import ChannelLabels


class LayerwiseLabels(ChannelLabels):
    """One-hot label channels that the network carries along: each block sees its input and the label.

    What the images look like is what `ChannelLabels` makes of them. The difference is `repeated_channels`, which asks
    the network to put the label planes beside the input of every block (see `convff.LayerLocalNet`), so that no block
    has to find the label in the activity of the one below.

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
        """How many of the last input channels are the label, to be repeated for every block."""
        return self.num_classes

    def spec(self) -> dict[str, Any]:
        """JSON-ready arguments."""
        return {"family": "layerwise", "num_classes": self.num_classes, "image_size": list(self.image_size)}

    @classmethod
    def from_spec(cls, spec: dict[str, Any]) -> "LayerwiseLabels":
        """Build the generator that gave `spec`."""
        height, width = spec["image_size"]
        return cls(spec["num_classes"], (height, width))
