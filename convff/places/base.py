"""What a place of the label is."""

from collections.abc import Callable
from typing import Protocol

from torch import Tensor

from convff.contrasts import Contrast, Layout
from convff.network import LayerLocalNet


class Place(Protocol):
    """Where the label meets the activity, and so how many numbers gate a layer.

    A gated rule asks its place for the goodness of M tries per image, one of which is right, lets its gate turn them
    into one signed number per try, and asks its place to bring these numbers to the units that they are for.
    """

    @property
    def evaluation(self) -> str:
        """The name of the inference that compares the tries of an image, in the table of evaluations."""
        ...

    @property
    def contrast(self) -> Callable[..., Contrast]:
        """Makes the passes that this place needs, of a label generator (and of negatives, if it takes them)."""
        ...

    def check(self, net: LayerLocalNet, num_classes: int) -> None:
        """Refuse a network, or a number of classes, that this place does not fit.

        Raises:
            ValueError: it does not fit.
        """
        ...

    def fitting(self, width: int) -> int:
        """Return the nearest number of channels (or units) of a layer that this place fits."""
        ...

    def units(self, a: Tensor) -> int:
        """Return the number of units behind each goodness, for an activity `[N, ...]`."""
        ...

    def goodness(self, a: Tensor, reduction: str) -> Tensor:
        """Return the goodness of an activity `[N, ...]`, as the "mean" or "sum" of squares: `[N]`, or `[N, K]`."""
        ...

    def right_first(self, g: Tensor, layout: Layout) -> Tensor:
        """Return goodness in the order of the gate: `[B, M]`, the right label first."""
        ...

    def gate_units(self, c: Tensor, a: Tensor, layout: Layout) -> Tensor:
        """Return gates `[B, M]`, in the order of `right_first`, so that they broadcast against an activity `[N, ...]`.

        One number per pass may also be given as `[N]`.
        """
        ...
