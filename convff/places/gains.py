"""The label as a gain on every channel: an assignment of channels to classes, learned or fixed at random."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from convff.contrasts import Layout, Unlabelled
from convff.functional import GOODNESS, channel_squares
from convff.network import Block, LayerLocalNet
from convff.outer import gated
from convff.places.base import Goodness, SeenBlock
from convff.places.classes import by_class, refuse_labelled_passes, right_first


class Gains(nn.Module):
    """How much each channel counts for each class, `[K, C]`.

    Args:
        num_classes: number of classes K.
        channels: number of channels (or units) C of the block.
        learned: whether the gains are trained; otherwise they keep their initial values.
        generator: draws the initial values, from a normal distribution.

    Example:
        >>> Gains(3, 4, learned=False).gains.shape
        torch.Size([3, 4])
    """

    gains: Tensor

    def __init__(
        self, num_classes: int, channels: int, *, learned: bool, generator: torch.Generator | None = None
    ) -> None:
        super().__init__()
        drawn = torch.randn(num_classes, channels, generator=generator)
        if learned:
            self.gains = nn.Parameter(drawn)
        else:
            self.register_buffer("gains", drawn)


@dataclass(frozen=True, kw_only=True)
class AtGains:
    """Every channel counts for every class, with a gain for each pair: `g_nk = 1/m sum_c G_kc sum_hw a_nchw^2`.

    With `G_kc = 1` for the channels of group k and 0 for the others this is `AtOutput`, whose m it shares: the number
    of positions times C / K. One pass per image serves all classes:

        dW -> sum_n (m_n a_n) (x) x_n   with m_nc = sum_k c_nk G_kc        dG_k -> 1/2 sum_n c_nk sum_hw a_n^2

    Args:
        num_classes: number of classes K.
        learned: whether the gains are trained; otherwise they keep their initial values.

    Raises:
        ValueError: fewer than 2 classes.

    Reference:
        Fixed random gains come from ASGE (2026), learned ones from learnable channel-class assignment
        (arXiv 2606.09928); neither has public code, and the closed form is ours.
    """

    evaluation: ClassVar[str] = "gains"
    contrast: ClassVar[Callable[..., Unlabelled]] = Unlabelled
    wants_z: ClassVar[bool] = False

    num_classes: int
    learned: bool = True

    def __post_init__(self) -> None:
        if self.num_classes < 2:
            raise ValueError(f"gains for each class need at least 2 classes, got {self.num_classes}")

    def check(self, net: LayerLocalNet, num_classes: int) -> None:
        """Raise unless the gains are for `num_classes`.

        Raises:
            ValueError: they are for another number of classes.
        """
        if num_classes != self.num_classes:
            raise ValueError(f"the gains are for {self.num_classes} classes, got {num_classes}")

    def fitting(self, width: int) -> int:
        """Return the width unchanged: every width fits."""
        return width

    def units(self, a: Tensor) -> int:
        """Return the number of units of a class's share of the channels, at least 1."""
        return max(1, a[0].numel() // self.num_classes)

    def beside(self, block: Block, generator: torch.Generator) -> Gains:
        """Make the gains of a block."""
        return Gains(self.num_classes, len(block.layer.weight), learned=self.learned, generator=generator)

    def goodness(self, a: Tensor, reduction: str) -> Tensor:
        """Return the goodness `[N]` of an activity `[N, ...]`, with every gain 1."""
        return GOODNESS[reduction](a)

    def scores(self, seen: SeenBlock, goodness: Goodness, reduction: str) -> Tensor:
        """Return the goodness of each class `[N, K]`."""
        q, gains = channel_squares(seen.a), _gains(seen)
        with torch.autocast(seen.a.device.type, enabled=False):
            sums = q @ gains.to(q.dtype).T
        return sums / self.units(seen.a) if reduction == "mean" else sums

    def tries(self, seen: SeenBlock, goodness: Goodness, reduction: str) -> Tensor:
        """Return the goodness of each class `[B, K]`, the right one first.

        Raises:
            ValueError: there is more than one pass per image.
        """
        refuse_labelled_passes(seen.layout, "at the gains of each block")
        return right_first(self.scores(seen, goodness, reduction), seen.layout.targets)

    def gate_units(self, c: Tensor, a: Tensor, layout: Layout) -> None:
        """Return None: a unit's weight depends on the gains beside the block."""

    def post(self, seen: SeenBlock, c: Tensor) -> Tensor:
        """Return the activity of each channel times the sum of the gates, weighted by its gains."""
        gates = by_class(c, seen.layout.targets)
        mixed = gates @ _gains(seen).to(gates.dtype)
        return gated(seen.a, mixed.view(*mixed.shape, *[1] * (seen.a.ndim - 2)))

    def beside_direction(self, seen: SeenBlock, c: Tensor) -> dict[str, Tensor]:
        """Return the ascent of trained gains, half the squares of each channel weighted by the gates; else nothing."""
        if not self.learned:
            return {}
        q, gates = channel_squares(seen.a), by_class(c, seen.layout.targets)
        with torch.autocast(seen.a.device.type, enabled=False):
            ascent = gates.to(q.dtype).T @ q / 2
        return {"gains": ascent.to(_gains(seen).dtype)}


def _gains(seen: SeenBlock) -> Tensor:
    assert isinstance(seen.beside, Gains)
    return seen.beside.gains
