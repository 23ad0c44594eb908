"""What a place of the label is."""

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor, nn

from convff.contrasts import Contrast, Layout
from convff.network import Block, LayerLocalNet

Goodness = Callable[[Tensor], Tensor]
"""The rule's goodness, of an activity `[N, ...]`; see `Place.goodness`."""


class SeenBlock(Protocol):
    """What a place looks at of a block in a step; `convff.rules.base.Seen` says what each is."""

    @property
    def a(self) -> Tensor:
        """Activity `[N, ...]`."""
        ...

    @property
    def z(self) -> Tensor | None:
        """The same before the ReLU, if it was asked for."""
        ...

    @property
    def layout(self) -> Layout:
        """What each of the N passes is."""
        ...

    @property
    def beside(self) -> nn.Module | None:
        """What learns beside the block's layer."""
        ...


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

    @property
    def wants_z(self) -> bool:
        """Whether it looks at a block before its ReLU."""
        ...

    def units(self, a: Tensor) -> int:
        """Return the number of units behind each goodness, for an activity `[N, ...]`."""
        ...

    def beside(self, block: Block, generator: torch.Generator) -> nn.Module | None:
        """Make what learns beside a block's layer, with initial values from the generator; None if nothing does."""
        ...

    def goodness(self, a: Tensor, reduction: str) -> Tensor:
        """Return the goodness of an activity `[N, ...]`, as the "mean" or "sum" of squares: `[N]`, or `[N, K]`."""
        ...

    def scores(self, seen: SeenBlock, goodness: Goodness, reduction: str) -> Tensor:
        """Return the goodness of every class by one pass per image, `[B, K]`.

        Raises:
            ValueError: a pass has the goodness of its own label alone.
        """
        ...

    def tries(self, seen: SeenBlock, goodness: Goodness, reduction: str) -> Tensor:
        """Return the goodness of the tries of each image in the order of the gate: `[B, M]`, the right label first.

        Args:
            seen: the block.
            goodness: the rule's, where it is that of an activity; a place that compares otherwise does not call it.
            reduction: whether goodness is the "mean" or the "sum" of squares.
        """
        ...

    def gate_units(self, c: Tensor, a: Tensor, layout: Layout) -> Tensor | None:
        """Return gates `[B, M]`, in the order of `tries`, so that they broadcast against an activity `[N, ...]`.

        One number per pass may also be given as `[N]`. None if a unit's weight is not a factor of its activity.
        """
        ...

    def post(self, seen: SeenBlock, c: Tensor) -> Tensor:
        """Return the gated activity, of the shape of the activity, for gates `[B, M]`."""
        ...

    def beside_direction(self, seen: SeenBlock, c: Tensor) -> dict[str, Tensor]:
        """Return the ascent of what learns beside the block, by parameter name, for gates `[B, M]`; may be empty."""
        ...
