"""The label in the image, and each layer in groups of units that judge it one by one (Hinton 2022, section 5.3)."""

from dataclasses import dataclass

import torch
from torch import Tensor

from convff.contrasts import Layout
from convff.functional import group_goodness
from convff.network import LayerLocalNet
from convff.outer import gated
from convff.places.base import Goodness, SeenBlock
from convff.places.image import AtImage


@dataclass(frozen=True)
class InGroups(AtImage):
    """Each of G groups of a layer's units has its own goodness and its own gate, so a layer learns more than one bit.

    Group g is the g-th of G equal parts of the units, or of the channels of a convolution. With `opposed`, the groups
    of the second half count constraint violations: their goodness is `2 - g` where that of units that are all 1 is 1,
    so that the same gate pushes them down for right labels and up for wrong ones. At inference all groups are averaged.

    Args:
        groups: number of groups G, which divides the units (channels) of every layer.
        opposed: whether the second half of the groups minimises its activity for right labels; G is even then.

    Raises:
        ValueError: no group; an odd number of opposed groups; when checked, a layer that G does not divide.

    Example:
        >>> a = torch.tensor([[3.0, 4.0, 1.0, 0.0]])
        >>> InGroups(2).by_group(a, "mean"), InGroups(2, opposed=True).by_group(a, "mean")
        (tensor([[12.5000,  0.5000]]), tensor([[12.5000,  1.5000]]))

    Reference:
        Hinton 2022: groups in section 5.3, "feature detectors that try to maximize their squared activity and a set of
        constraint violation detectors that try to minimize" in section 9.
    """

    groups: int
    opposed: bool = False

    def __post_init__(self) -> None:
        if self.groups < 1 or (self.opposed and self.groups % 2):
            even = "an even number of" if self.opposed else "at least 1"
            raise ValueError(f"there must be {even} groups, got {self.groups}")

    def check(self, net: LayerLocalNet, num_classes: int) -> None:
        """Raise if the units (channels) of a layer do not make equal groups.

        Raises:
            ValueError: the number of groups does not divide them.
        """
        for block in net:
            width = len(block.layer.weight)
            if width % self.groups:
                raise ValueError(f"block {block.index + 1} has {width} units, which do not make {self.groups} groups")

    def fitting(self, width: int) -> int:
        """Return the multiple of the number of groups nearest to `width`, at least one of it."""
        return max(1, round(width / self.groups)) * self.groups

    def units(self, a: Tensor) -> int:
        """Return the number of units of a group."""
        return a[0].numel() // self.groups

    def by_group(self, a: Tensor, reduction: str) -> Tensor:
        """Return the goodness of each group, `[N, G]`, of an activity `[N, ...]`."""
        g = group_goodness(a, self.groups, reduction)
        if not self.opposed:
            return g
        of_ones = float(self.units(a)) if reduction == "sum" else 1.0
        return torch.where(self._signs(g) > 0, g, 2 * of_ones - g)

    def goodness(self, a: Tensor, reduction: str) -> Tensor:
        """Return the mean goodness of the groups, `[N]`."""
        return self.by_group(a, reduction).mean(dim=1)

    def tries(self, seen: SeenBlock, goodness: Goodness, reduction: str) -> Tensor:
        """Return the goodness of each pass in each group, `[B G, P]`: the gate treats each group as an image."""
        return self.right_first(self.by_group(seen.a, reduction), seen.layout)

    def right_first(self, g: Tensor, layout: Layout) -> Tensor:
        """Return goodness `[N, G]` as `[B G, P]`, where pass 0 has the right label; `[N]` as `[B, P]`."""
        if g.ndim == 1:
            return super().right_first(g, layout)
        by_image = super().right_first
        return torch.stack([by_image(of_group, layout) for of_group in g.T], dim=1).flatten(0, 1)

    def gate_units(self, c: Tensor, a: Tensor, layout: Layout) -> Tensor:
        """Return gates `[B G, P]` as one number per unit `[N, C]`, or `[N, C, 1, 1]` for a convolution."""
        by_group = c.view(-1, self.groups, c.shape[1]).transpose(1, 2).flatten(0, 1)
        by_unit = (by_group * self._signs(by_group)).repeat_interleave(a.shape[1] // self.groups, dim=1)
        return by_unit.view(*by_unit.shape, *[1] * (a.ndim - 2))

    def post(self, seen: SeenBlock, c: Tensor) -> Tensor:
        """Return the activity of each unit times the gate of its group."""
        return gated(seen.a, self.gate_units(c, seen.a, seen.layout))

    def _signs(self, like: Tensor) -> Tensor:
        """Return 1 for each group, `[G]`, and -1 for the second half of opposed ones."""
        signs = like.new_ones(self.groups)
        if self.opposed:
            signs[self.groups // 2 :] = -1
        return signs
