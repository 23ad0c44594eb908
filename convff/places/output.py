"""The label at the output: the channels of each layer in groups, one group per class."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch
from einops import rearrange
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
        regions: each of R x R regions of a map decides on its own, with a gate of its own; their goodness is added up
            at inference. R has to divide the maps.

    Raises:
        ValueError: there are fewer than 2 classes, or there is no region; when called, regions do not divide a map.

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
    regions: int = 1

    def __post_init__(self) -> None:
        if self.num_classes < 2 or self.regions < 1:
            raise ValueError(
                f"groups of channels need at least 2 classes and 1 region, not {self.num_classes} and {self.regions}"
            )

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
        """Return the number of units of a group, in one region."""
        return a[0].numel() // self.num_classes // self._regions_of(a) ** 2

    def goodness(self, a: Tensor, reduction: str) -> Tensor:
        """Return the goodness of each class `[N, K]`, of an activity `[N, ...]`; of several regions `[N, R, R, K]`."""
        if self._regions_of(a) == 1:
            return group_goodness(a, self.num_classes, reduction)
        parts = rearrange(a, "n c (r h) (q w) -> (n r q) c h w", r=self.regions, q=self.regions)
        return group_goodness(parts, self.num_classes, reduction).view(len(a), self.regions, self.regions, -1)

    def beside(self, block: Block, generator: torch.Generator) -> None:
        """Return None: nothing learns beside a block."""

    def scores(self, seen: SeenBlock, goodness: Goodness, reduction: str) -> Tensor:
        """Return the goodness of each class `[N, K]`, summed over regions."""
        g = goodness(seen.a)
        return g if g.ndim == 2 else g.sum(dim=(1, 2))

    def tries(self, seen: SeenBlock, goodness: Goodness, reduction: str) -> Tensor:
        """Return the goodness of each class `[B, K]`, the right one first, or `[B R R, K]`; see `right_first`."""
        return self.right_first(goodness(seen.a), seen.layout)

    def right_first(self, g: Tensor, layout: Layout) -> Tensor:
        """Return goodness `[B, K]` with the class of each image first, and the others behind it in a circle.

        With several regions `[B, R, R, K]` becomes `[B R R, K]`: each region is an image of its own to the gate.

        Raises:
            ValueError: there is more than one pass per image.
        """
        refuse_labelled_passes(layout, "at the output")
        return right_first(g.flatten(0, -2), _per_region(layout.targets, g[0].numel() // g.shape[-1]))

    def gate_units(self, c: Tensor, a: Tensor, layout: Layout) -> Tensor:
        """Return gates, the right class first, as one number per channel.

        Returns:
            `[B, C]` or `[B, C, 1, 1]` for gates `[B, K]`; `[B, C, H, W]` for those of several regions, `[B R R, K]`.
        """
        regions = self._regions_of(a)
        gates = by_class(c, _per_region(layout.targets, regions**2))
        by_channel = gates.repeat_interleave(a.shape[1] // self.num_classes, dim=1)
        if regions == 1:
            return by_channel.view(*by_channel.shape, *[1] * (a.ndim - 2))
        maps = rearrange(by_channel, "(n r q) c -> n c r q", r=regions, q=regions)
        return maps.repeat_interleave(a.shape[2] // regions, 2).repeat_interleave(a.shape[3] // regions, 3)

    def _regions_of(self, a: Tensor) -> int:
        """Return the number of regions along each side of an activity; dense layers have one."""
        if a.ndim == 2:
            return 1
        if a.shape[2] % self.regions or a.shape[3] % self.regions:
            raise ValueError(
                f"{self.regions} x {self.regions} regions do not divide a map of {a.shape[2]} x {a.shape[3]}"
            )
        return self.regions

    def post(self, seen: SeenBlock, c: Tensor) -> Tensor:
        """Return the activity of each channel times the gate of its group."""
        return gated(seen.a, self.gate_units(c, seen.a, seen.layout))

    def beside_direction(self, seen: SeenBlock, c: Tensor) -> dict[str, Tensor]:
        """Return nothing."""
        return {}


def _per_region(targets: Tensor, regions: int) -> Tensor:
    """Return the target of each image once per region, `[B R R]`."""
    return targets if regions == 1 else targets.repeat_interleave(regions)
