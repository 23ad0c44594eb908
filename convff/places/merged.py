"""Superclasses at a place whose labels have images of their own: a superclass is the mean of its classes."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from convff.contrasts import Contrast, Layout, Unlabelled
from convff.data import check_superclasses
from convff.network import Block, LayerLocalNet
from convff.places.base import Goodness, Place, SeenBlock
from convff.places.classes import by_class, right_first
from convff.places.image import AtImage


def superclass_means(superclasses: tuple[int, ...]) -> Tensor:
    """Return the matrix that averages values of classes over each superclass, float64 `[S, K]`.

    Example:
        >>> superclass_means((0, 1, 0))
        tensor([[0.5000, 0.0000, 0.5000],
                [0.0000, 1.0000, 0.0000]], dtype=torch.float64)
    """
    members = torch.nn.functional.one_hot(torch.tensor(superclasses)).T.double()
    return members / members.sum(dim=1, keepdim=True)


@dataclass(frozen=True, kw_only=True)
class Merged:
    """A place that compares superclasses, each by the mean goodness of its classes: `g_ns = 1/|s| sum_(k in s) g_nk`.

    The gate compares the S superclasses, and each class gets its part of the number of its superclass, `c_nk = c_ns /
    |s|`, which is the chain rule. The targets of the layout are superclasses.

    Args:
        place: compares all K classes in one pass per image.
        superclasses: superclass of each class, indices 0 to S - 1.

    Raises:
        ValueError: the superclasses are no such indices, or there are fewer than 2.
    """

    place: Place
    superclasses: tuple[int, ...]
    _means: Tensor = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        number = check_superclasses(self.superclasses, len(self.superclasses))
        if number < 2:
            raise ValueError(f"there must be at least 2 superclasses to compare, got {number}")
        object.__setattr__(self, "_means", superclass_means(self.superclasses))

    @property
    def evaluation(self) -> str:
        """See `Place`."""
        return self.place.evaluation

    @property
    def contrast(self) -> Callable[..., Contrast]:
        """See `Place`."""
        return self.place.contrast

    @property
    def wants_z(self) -> bool:
        """See `Place`."""
        return self.place.wants_z

    def check(self, net: LayerLocalNet, num_classes: int) -> None:
        """Raise unless there are `num_classes` superclasses and the place fits the network.

        Raises:
            ValueError: it does not fit.
        """
        if num_classes != len(self._means):
            raise ValueError(f"the place merges {len(self._means)} superclasses, got {num_classes}")
        self.place.check(net, len(self.superclasses))

    def fitting(self, width: int) -> int:
        """See `Place`."""
        return self.place.fitting(width)

    def units(self, a: Tensor) -> int:
        """See `Place`."""
        return self.place.units(a)

    def beside(self, block: Block, generator: torch.Generator) -> nn.Module | None:
        """See `Place`."""
        return self.place.beside(block, generator)

    def goodness(self, a: Tensor, reduction: str) -> Tensor:
        """See `Place`."""
        return self.place.goodness(a, reduction)

    def scores(self, seen: SeenBlock, goodness: Goodness, reduction: str) -> Tensor:
        """Return the mean goodness of each superclass, `[B, S]`."""
        return self._mixed(self.place.scores(seen, goodness, reduction), self._means.T)

    def tries(self, seen: SeenBlock, goodness: Goodness, reduction: str) -> Tensor:
        """Return the goodness of each superclass `[B, S]`, the right one first."""
        return right_first(self.scores(seen, goodness, reduction), seen.layout.targets)

    def gate_units(self, c: Tensor, a: Tensor, layout: Layout) -> Tensor | None:
        """See `Place`; for gates `[B, S]`."""
        return self.place.gate_units(self._of_classes(c, layout), a, _any_targets(layout))

    def post(self, seen: SeenBlock, c: Tensor) -> Tensor:
        """See `Place`; for gates `[B, S]`."""
        return self.place.post(_with_any_targets(seen), self._of_classes(c, seen.layout))

    def beside_direction(self, seen: SeenBlock, c: Tensor) -> dict[str, Tensor]:
        """See `Place`; for gates `[B, S]`."""
        return self.place.beside_direction(_with_any_targets(seen), self._of_classes(c, seen.layout))

    def _of_classes(self, c: Tensor, layout: Layout) -> Tensor:
        """Return gates of superclasses, the right one first, as gates of all classes `[B, K]`, class 0 first."""
        return self._mixed(by_class(c, layout.targets), self._means)

    def _mixed(self, values: Tensor, means: Tensor) -> Tensor:
        with torch.autocast(values.device.type, enabled=False):
            return values @ means.to(values)


def _any_targets(layout: Layout) -> Layout:
    """Return a layout whose targets are class 0: the gates of all classes are then in the order of the classes."""
    return layout._replace(targets=torch.zeros_like(layout.targets))


def _with_any_targets(seen: Any) -> Any:
    return seen._replace(layout=_any_targets(seen.layout))


def for_superclasses(make: Callable[[int], Place], superclasses: tuple[int, ...]) -> Place:
    """Return a place that compares superclasses.

    Args:
        make: makes the place for a number of classes.
        superclasses: superclass of each class.

    Returns:
        the place for S classes if it has no label images; else `Merged`, since the network sees one image per class.

    Raises:
        ValueError: the label is in the image, where each pass carries a class.

    Example:
        >>> from convff import AtOutput, AtStream
        >>> for_superclasses(AtOutput, (0, 1, 0))
        AtOutput(num_classes=2, regions=1)
        >>> for_superclasses(lambda classes: AtStream(num_classes=classes), (0, 1, 0))
        Merged(place=AtStream(num_classes=3), superclasses=(0, 1, 0))
    """
    place = make(len(superclasses))
    if isinstance(place, AtImage):
        raise ValueError("coarse labels need a place that compares all classes in one pass, not the image")
    if place.contrast is Unlabelled:
        return make(check_superclasses(superclasses, len(superclasses)))
    return Merged(place=place, superclasses=superclasses)
