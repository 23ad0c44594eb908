"""Echo labels: the image and a copy of itself, displaced by a few pixels."""

from typing import Any

from labels.morph import DISPLACEMENTS, MorphLabels

# The opposites come last: an image plus its copy displaced by d is the same picture as by -d, but for a displacement of
# the whole and the share of each. A network that adds up goodness over positions hardly sees the first, and at K = 0.5
# there is no second.
ECHOES = (*DISPLACEMENTS, *((-dx, -dy) for dx, dy in DISPLACEMENTS))


class EchoLabels(MorphLabels):
    """Mixes a displaced copy of the image into it: `z = (1 - K) image + K shift(image, dx, dy)`, one displacement a class.

    Morphology set 1 without its negatives: every label does the same to an image, in another direction or as far again.
    Beyond 24 classes there are displacements opposite to others, which can hardly be told from them.

    Args:
        num_classes: number of classes.
        intensity: the label's share K of the intensity, in [0, 1].

    Raises:
        ValueError: more classes than there are displacements within a 7 x 7 filter, or K outside [0, 1].

    Example:
        >>> EchoLabels(3).chains
        ((('shift', 2, 0),), (('shift', 0, 2),), (('shift', 2, 2),))
    """  # noqa: E501

    def __init__(self, num_classes: int, *, intensity: float = 0.3) -> None:
        if num_classes > len(ECHOES):
            raise ValueError(f"there are {len(ECHOES)} echoes, one a class, not {num_classes}")
        chains = tuple((("shift", *displacement),) for displacement in ECHOES)
        super().__init__(num_classes, intensity=intensity, chains=chains)

    def spec(self) -> dict[str, Any]:
        """JSON-ready arguments."""
        return {"family": "echo", "num_classes": self.num_classes, "intensity": self.intensity}

    @classmethod
    def from_spec(cls, spec: dict[str, Any]) -> "EchoLabels":
        """Build the generator that gave `spec`."""
        return cls(spec["num_classes"], intensity=spec["intensity"])
