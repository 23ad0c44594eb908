"""Protocol of a place: where the label meets the activity."""

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor, nn

from convff.contrasts import Contrast, Layout
from convff.network import Block, LayerLocalNet

Goodness = Callable[[Tensor], Tensor]
"""The rule's goodness as a function of an activity `[N, ...]`; see `Place.goodness`."""


class SeenBlock(Protocol):
    """What a place sees of a block in a step; see `convff.rules.base.Seen`."""

    @property
    def a(self) -> Tensor:
        """Activity `[N, ...]`."""
        ...

    @property
    def z(self) -> Tensor | None:
        """The same before the ReLU; None unless the place has `wants_z`."""
        ...

    @property
    def layout(self) -> Layout:
        """What each of the N passes is."""
        ...

    @property
    def beside(self) -> nn.Module | None:
        """The module that learns beside the block's layer, if any."""
        ...


class Place(Protocol):
    """Where the label meets the activity, which also sets the number of gates per layer.

    A gated rule asks its place for the goodness of M tries per image, one of which is right. Its gate turns them into
    one signed number per try, and the place applies these numbers to the units they belong to.
    """

    @property
    def evaluation(self) -> str:
        """The inference that compares the tries of an image: a name in the table of evaluations."""
        ...

    @property
    def contrast(self) -> Callable[..., Contrast]:
        """Makes the passes that this place needs, from a label generator (and from negatives, if it takes them)."""
        ...

    def check(self, net: LayerLocalNet, num_classes: int) -> None:
        """Raise if this place does not fit a network or a number of classes.

        Raises:
            ValueError: it does not fit.
        """
        ...

    def fitting(self, width: int) -> int:
        """Return the number of channels (or units) nearest to `width` that this place fits."""
        ...

    @property
    def wants_z(self) -> bool:
        """Whether it needs the activity before the ReLU."""
        ...

    def units(self, a: Tensor) -> int:
        """Return the number of units that each goodness is computed from, for an activity `[N, ...]`."""
        ...

    def beside(self, block: Block, generator: torch.Generator) -> nn.Module | None:
        """Make the module that learns beside a block's layer, initialised by the generator; None if there is none."""
        ...

    def goodness(self, a: Tensor, reduction: str) -> Tensor:
        """Return the goodness of an activity `[N, ...]`, as the "mean" or "sum" of squares: `[N]`, or `[N, K]`."""
        ...

    def scores(self, seen: SeenBlock, goodness: Goodness, reduction: str) -> Tensor:
        """Return the goodness of every class by one pass per image, `[B, K]`.

        Raises:
            ValueError: a pass only has the goodness of its own label.
        """
        ...

    def tries(self, seen: SeenBlock, goodness: Goodness, reduction: str) -> Tensor:
        """Return the goodness of the tries of each image in the order of the gate: `[B, M]`, right label first.

        Args:
            seen: the block.
            goodness: the rule's goodness of an activity; a place that compares otherwise does not call it.
            reduction: whether goodness is the "mean" or the "sum" of squares.
        """
        ...

    def gate_units(self, c: Tensor, a: Tensor, layout: Layout) -> Tensor | None:
        """Return gates `[B, M]`, in the order of `tries`, in a shape that broadcasts against an activity `[N, ...]`.

        One number per pass may also be returned as `[N]`. None if a unit's weight is not a factor of its activity.
        """
        ...

    def post(self, seen: SeenBlock, c: Tensor) -> Tensor:
        """Return the gated activity for gates `[B, M]`, in the shape of the activity."""
        ...

    def beside_direction(self, seen: SeenBlock, c: Tensor) -> dict[str, Tensor]:
        """Return the ascent of the module beside the block for gates `[B, M]`, by parameter name; may be empty."""
        ...
