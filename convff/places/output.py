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
from convff.regions import refuse_uneven_regions, region_means, shaped_like, split_into_regions


def fitting_width(width: int, num_classes: int) -> int:
    """Return the multiple of `num_classes` nearest to `width`; of two equally near, the larger.

    Example:
        >>> fitting_width(32, 10), fitting_width(35, 10), fitting_width(3, 10)
        (30, 40, 10)
    """
    return max(1, (2 * width + num_classes) // (2 * num_classes)) * num_classes


@dataclass(frozen=True)
class AtOutput:
    """Each group of channels stands for a class, with its own goodness and its own gate.

    No image carries a label, so training and inference need only one pass per image. The gate compares the
    goodness of the right group with that of the others; the softmax gate makes it the cross-entropy over groups.

    Args:
        num_classes: number of classes K; group k is channels `k C/K` to `(k + 1) C/K - 1` of C.
        regions: each of R x R regions of a map decides on its own, with its own gate; their goodness is summed at
            inference. R must divide the sides of the maps.

    Raises:
        ValueError: fewer than 2 classes, or no region; when called, regions that do not divide a map.

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
                f"groups of channels need at least 2 classes and 1 region, got {self.num_classes} and {self.regions}"
            )

    def check(self, net: LayerLocalNet, num_classes: int) -> None:
        """Raise if the channels (or units) of a layer do not make one equal group per class.

        Raises:
            ValueError: a width is not a multiple of the number of classes (the message names the nearest one), or the
                groups are not for `num_classes`.
        """
        if num_classes != self.num_classes:
            raise ValueError(f"the groups of channels are for {self.num_classes} classes, got {num_classes}")
        for block in net:
            width = len(block.layer.weight)
            if width % self.num_classes:
                raise ValueError(
                    f"block {block.index + 1} has {width} channels, which do not make {self.num_classes} equal groups, "
                    f"one per class: the nearest width that does is {fitting_width(width, self.num_classes)}"
                )

    def fitting(self, width: int) -> int:
        """Return the multiple of the number of classes nearest to `width`."""
        return fitting_width(width, self.num_classes)

    def units(self, a: Tensor) -> int:
        """Return the number of units of a group, in one region."""
        return a[0].numel() // self.num_classes // self._regions_of(a) ** 2

    def goodness(self, a: Tensor, reduction: str) -> Tensor:
        """Return the goodness of each class for `[N, ...]`: `[N, K]`, or `[N, R, R, K]` with several regions."""
        if self._regions_of(a) == 1:
            return group_goodness(a, self.num_classes, reduction)
        whole = a.to(torch.promote_types(a.dtype, torch.float32))
        means = region_means(whole if reduction == "activity" else whole.square(), self.regions)
        g: Tensor = means.unflatten(3, (self.num_classes, -1)).mean(dim=4)
        return g * self.units(a) if reduction == "sum" else g

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
        """Return goodness `[B, K]` with the right class of each image first, then the others in cyclic order.

        With several regions `[B, R, R, K]` becomes `[B R R, K]`: the gate treats each region as an image.

        Raises:
            ValueError: there is more than one pass per image.
        """
        refuse_labelled_passes(layout, "at the output")
        return right_first(g.flatten(0, -2), _per_region(layout.targets, g[0].numel() // g.shape[-1]))

    def gate_units(self, c: Tensor, a: Tensor, layout: Layout) -> Tensor | None:
        """Return gates, the right class first, as one number per channel.

        Returns:
            `[B, C]` or `[B, C, 1, 1]` for gates `[B, K]`. None for gates of several regions, `[B R R, K]`.
        """
        if self._regions_of(a) > 1:
            return None
        by_channel = self._by_channel(by_class(c, layout.targets), a)
        return by_channel.view(*by_channel.shape, *[1] * (a.ndim - 2))

    def _by_channel(self, gates: Tensor, a: Tensor) -> Tensor:
        """Return gates `[..., K]` as one number per channel, `[..., C]`."""
        return gates.repeat_interleave(a.shape[1] // self.num_classes, dim=-1)

    def _regions_of(self, a: Tensor) -> int:
        """Return the number of regions along each side of an activity; dense layers have one."""
        if a.ndim == 2:
            return 1
        refuse_uneven_regions(a, self.regions)
        return self.regions

    def post(self, seen: SeenBlock, c: Tensor) -> Tensor:
        """Return the activity of each channel times the gate of its group."""
        by_unit = self.gate_units(c, seen.a, seen.layout)
        if by_unit is not None:
            return gated(seen.a, by_unit)
        split = split_into_regions(seen.a, self.regions)  # (B, R, h, R, w, C)
        gates = by_class(c, _per_region(seen.layout.targets, self.regions**2))
        by_region = self._by_channel(gates.view(len(split), self.regions, 1, self.regions, 1, -1), seen.a)
        return shaped_like(split * by_region.to(split.dtype), seen.a)

    def beside_direction(self, seen: SeenBlock, c: Tensor) -> dict[str, Tensor]:
        """Return no direction: nothing learns beside a block."""
        return {}


def _per_region(targets: Tensor, regions: int) -> Tensor:
    """Return the target of each image once per region, `[B R R]`."""
    return targets if regions == 1 else targets.repeat_interleave(regions)
