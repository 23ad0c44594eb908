"""Echo labels: the image and a copy of itself, displaced by a few pixels."""

from typing import Any

from labels.fields import class_count, finite
from labels.morph import DISPLACEMENTS, MorphLabels

# The opposites come last: an image plus its copy displaced by d differs from the image plus its copy displaced by -d
# only by a displacement of the whole and by the weights of the two copies. A network that sums goodness over positions
# hardly sees the former, and at K = 0.5 the weights are equal.
ECHOES = (*DISPLACEMENTS, *((-dx, -dy) for dx, dy in DISPLACEMENTS))


class EchoLabels(MorphLabels):
    """Mixes a displaced copy of the image into it: `z = (1 - K) image + K shift(image, dx, dy)`.

    Each class has its own displacement: first those of morphology set 1, without its negatives; from the 25th class on
    their opposites, which are hard to tell from them.

    Args:
        num_classes: number of classes.
        intensity: the label's share K of the total intensity, in [0, 1].

    Raises:
        ValueError: more classes than displacements within a 7 x 7 filter (48), or K outside [0, 1].

    Example:
        >>> EchoLabels(3).chains
        ((('shift', 2, 0),), (('shift', 0, 2),), (('shift', 2, 2),))
    """

    def __init__(self, num_classes: int, *, intensity: float = 0.3) -> None:
        if num_classes > len(ECHOES):
            raise ValueError(f"num_classes must be at most {len(ECHOES)}, one echo per class, got {num_classes}")
        chains = tuple((("shift", *displacement),) for displacement in ECHOES)
        super().__init__(num_classes, intensity=intensity, chains=chains)

    def spec(self) -> dict[str, Any]:
        """Return JSON-ready arguments."""
        return {"family": "echo", "num_classes": self.num_classes, "intensity": self.intensity}

    @classmethod
    def from_spec(cls, spec: dict[str, Any]) -> "EchoLabels":
        """Build a generator from its `spec()`."""
        return cls(class_count(spec), intensity=finite(spec, "intensity"))
