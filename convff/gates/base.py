"""What a gate is."""

from typing import Protocol

from torch import Tensor


class Gate(Protocol):
    """From the goodness `[B, M]` of M tries per image, the right label first, to one signed number per try.

    A try is a pass with a label in it, or a group of channels that stands for a class; see `convff.places`.
    """

    @property
    def scale(self) -> float:
        """Steepness s."""
        ...

    def __call__(self, g: Tensor, unit_goodness: float) -> Tensor:
        """The gate `[B, M]`; `unit_goodness` is that of a layer of ones: N for sum goodness, 1 for the mean."""
        ...

    def loss(self, g: Tensor, unit_goodness: float) -> Tensor:
        """The loss `[B]` whose negative derivative by `g` is `scale` times the gate."""
        ...

    def discriminates(self, g: Tensor, unit_goodness: float) -> Tensor:
        """For each decision that the layer takes, 1 if it took it rightly: float `[B, decisions]`."""
        ...


def right_over_wrong(g: Tensor) -> Tensor:
    """Return 1 where the right label has more goodness than a wrong one: float `[B, M - 1]`.

    It is the decision of gates without a threshold.
    """
    return (g[:, :1] > g[:, 1:]).float()
