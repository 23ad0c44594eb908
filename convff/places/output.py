"""The label at the output: the channels of each layer in groups, one group per class."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from convff.contrasts import Layout, Unlabelled
from convff.functional import group_goodness
from convff.network import Block, LayerLocalNet
from convff.outer import gated
from convff.places.base import Goodness, SeenBlock
from convff.places.classes import by_class, refuse_labelled_passes, right_first


def fitting_width(width: int, num_classes: int) -> int:
    """Return the nearest width that `num_classes` divides; the larger of two that are as near.

    Example:
        >>> fitting_width(32, 10), fitting_width(35, 10), fitting_width(3, 10)
        (30, 40, 10)
    """
    return max(1, (2 * width + num_classes) // (2 * num_classes)) * num_classes


@dataclass(frozen=True)
class AtOutput:
    """Each group of channels answers for a class: a goodness per class, and a gate of its own for every group.

    No image carries a label, so one pass per image is all that training and inference need. The gate compares the
    goodness of the right group with that of the others; the softmax gate makes it the cross-entropy over groups.

    Args:
        num_classes: number of classes K; group k is channels `k C/K` to `(k + 1) C/K - 1` of C.

    Raises:
        ValueError: there are fewer than 2 classes.

    Example:
        >>> a = torch.tensor([[3.0, 4.0, 1.0, 0.0]])  # two channels for class 0, two for class 1
        >>> place, layout = AtOutput(num_classes=2), Layout(targets=torch.tensor([1]))
        >>> g = place.goodness(a, "sum")
        >>> g, place.right_first(g, layout)
        (tensor([[25.,  1.]]), tensor([[ 1., 25.]]))
        >>> place.gate_units(torch.tensor([[0.5, -0.5]]), a, layout)
        tensor([[-0.5000, -0.5000,  0.5000,  0.5000]])

    Reference:
        Papachristodoulou et al. 2024, "Convolutional Channel-wise Competitive Learning for the Forward-Forward
        Algorithm" (CwComp), for groups of channels and the cross-entropy over them. Our reconstruction: the goodness
        is read before the next layer's norm, and each layer has its own groups throughout.
    """

    evaluation: ClassVar[str] = "groups"
    contrast: ClassVar[Callable[..., Unlabelled]] = Unlabelled
    wants_z: ClassVar[bool] = False

    num_classes: int

    def __post_init__(self) -> None:
        if self.num_classes < 2:
            raise ValueError(f"groups of channels need at least 2 classes, not {self.num_classes}")

    def check(self, net: LayerLocalNet, num_classes: int) -> None:
        """Refuse a network with a layer whose channels (or units) do not make one equal group per class.

        Raises:
            ValueError: a width is no multiple of the number of classes; the message names the nearest that is. Or the
                groups are for another number of classes than `num_classes`.
        """
        if num_classes != self.num_classes:
            raise ValueError(f"the groups of channels are for {self.num_classes} classes, not for {num_classes}")
        for block, layer in enumerate((block.layer for block in net), start=1):
            width = len(layer.weight)
            if width % self.num_classes:
                raise ValueError(
                    f"block {block} has {width} channels, which do not make {self.num_classes} equal groups, one per "
                    f"class: the nearest width that does is {fitting_width(width, self.num_classes)}"
                )

    def fitting(self, width: int) -> int:
        """Return the nearest width that the number of classes divides."""
        return fitting_width(width, self.num_classes)

    def units(self, a: Tensor) -> int:
        """Return the number of units of a group."""
        return a[0].numel() // self.num_classes

    def goodness(self, a: Tensor, reduction: str) -> Tensor:
        """Return the goodness of each class `[N, K]`, of an activity `[N, ...]`."""
        return group_goodness(a, self.num_classes, reduction)

    def beside(self, block: Block, generator: torch.Generator) -> None:
        """Return None: nothing learns beside a block."""

    def scores(self, seen: SeenBlock, goodness: Goodness, reduction: str) -> Tensor:
        """Return the goodness of each class `[N, K]`."""
        return goodness(seen.a)

    def tries(self, seen: SeenBlock, goodness: Goodness, reduction: str) -> Tensor:
        """Return the goodness of each class `[B, K]`, the right one first; see `right_first`."""
        return self.right_first(goodness(seen.a), seen.layout)

    def right_first(self, g: Tensor, layout: Layout) -> Tensor:
        """Return goodness `[B, K]` with the class of each image first, and the others behind it in a circle.

        Raises:
            ValueError: there is more than one pass per image.
        """
        refuse_labelled_passes(layout, "at the output")
        return right_first(g, layout.targets)

    def gate_units(self, c: Tensor, a: Tensor, layout: Layout) -> Tensor:
        """Return gates `[B, K]`, the right class first, as one number per channel: `[B, C]` or `[B, C, 1, 1]`."""
        by_channel = by_class(c, layout.targets).repeat_interleave(a.shape[1] // self.num_classes, dim=1)
        return by_channel.view(*by_channel.shape, *[1] * (a.ndim - 2))

    def post(self, seen: SeenBlock, c: Tensor) -> Tensor:
        """Return the activity of each channel times the gate of its group."""
        return gated(seen.a, self.gate_units(c, seen.a, seen.layout))

    def beside_direction(self, seen: SeenBlock, c: Tensor) -> dict[str, Tensor]:
        """Return nothing."""
        return {}
