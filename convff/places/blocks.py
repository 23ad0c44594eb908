"""The label in every block: each block tries all labels on its own input (HebbFF, section 3, made cheap)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from convff.contrasts import Layout, Unlabelled
from convff.functional import GOODNESS
from convff.network import Block, LayerLocalNet
from convff.places.base import Goodness, SeenBlock
from convff.places.classes import by_class, refuse_labelled_passes, right_first
from convff.regions import region_means, shaped_like, split_into_regions


class LabelTerms(nn.Module):
    """What each label adds before the ReLU of a block: one number per label, channel and region.

    Args:
        num_classes: number of labels K.
        channels: number of channels O of the block.
        regions: number R of regions per side of a map.
        start: standard deviation of the initial values.
        generator: draws the initial values.

    Example:
        >>> LabelTerms(3, 4, regions=2, start=0.5).centred().shape
        torch.Size([3, 4, 2, 2])
    """

    def __init__(
        self, num_classes: int, channels: int, regions: int, start: float, generator: torch.Generator | None = None
    ) -> None:
        super().__init__()
        drawn = torch.randn(num_classes, channels, regions, regions, generator=generator)
        self.terms = nn.Parameter(start * drawn)

    def centred(self) -> Tensor:
        """Return the terms relative to the mean label, `u_k - mean u`, `[K, O, R, R]`: they sum to 0 over labels."""
        return self.terms - self.terms.mean(dim=0)


@dataclass(frozen=True, kw_only=True)
class AtBlocks:
    """A label-free trunk: a block's input carries no label, and the block tries label k as `z + u_k`.

    The convolution runs once for all labels. `u_k` is a number per channel (and region) that the block learns by the
    same rule. It is relative to the mean label, so what a block passes up, `relu(z)`, is the activity under the mean
    label and does not reveal the right one. This is HebbFF's label beside the input of every layer, as a one-hot plane
    with its own weights.

    In the *frozen* form a label never switches a unit on or off: with `m = 1[z > 0]` and `v_k = u_k - mean u`,

        g_k = g + 1/n sum (2 a v_k + m v_k^2)      dW -> sum_n (a sum_k c_nk + m sum_k c_nk v_k) (x) x_n
                                                   dv_k -> sum_n c_nk (a + m v_k)

    so all labels cost two small matrix products. The *exact* form, `a_k = relu(z + v_k)`, costs K passes over the maps.

    Args:
        num_classes: number of labels K.
        regions: label terms differ between R x R regions of a map; R must divide its sides.
        exact: use the exact form.
        start: standard deviation of the initial label terms.

    Raises:
        ValueError: fewer than 2 labels, or no region.

    Reference:
        Krutsylo, "The Hebbian Forward-Forward Algorithm", section 3, for the label at every layer. The trunk and the
        frozen form are ours.
    """

    evaluation: ClassVar[str] = "blocks"
    contrast: ClassVar[Callable[..., Unlabelled]] = Unlabelled

    num_classes: int
    regions: int = 1
    exact: bool = False
    start: float = 0.5

    def __post_init__(self) -> None:
        if self.num_classes < 2 or self.regions < 1:
            raise ValueError(
                f"labels in every block need at least 2 classes and 1 region, got {self.num_classes} and {self.regions}"
            )

    @property
    def wants_z(self) -> bool:
        """Whether it needs the activity before the ReLU: only in the exact form."""
        return self.exact

    def check(self, net: LayerLocalNet, num_classes: int) -> None:
        """Raise unless the label terms are for `num_classes`.

        Raises:
            ValueError: they are for another number of classes.
        """
        if num_classes != self.num_classes:
            raise ValueError(f"the label terms are for {self.num_classes} classes, got {num_classes}")

    def fitting(self, width: int) -> int:
        """Return the width unchanged: every width fits."""
        return width

    def units(self, a: Tensor) -> int:
        """Return the number of units of the layer."""
        return a[0].numel()

    def beside(self, block: Block, generator: torch.Generator) -> LabelTerms:
        """Make the label terms of a block."""
        return LabelTerms(self.num_classes, len(block.layer.weight), self.regions, self.start, generator)

    def goodness(self, a: Tensor, reduction: str) -> Tensor:
        """Return the goodness `[N]` of an activity `[N, ...]`, under the mean label."""
        return GOODNESS[reduction](a)

    def scores(self, seen: SeenBlock, goodness: Goodness, reduction: str) -> Tensor:
        """Return the goodness of each label `[N, K]`."""
        v, units = _terms(seen), self.units(seen.a)
        if self.exact:
            assert seen.z is not None
            by_label = [GOODNESS[reduction](torch.relu(seen.z + _over(v_k, seen.a))) for v_k in v.to(seen.a)]
            return torch.stack(by_label, dim=1)
        a, m = (sums(seen.a, self.regions).flatten(1) for sums in (_region_sums, _active_sums))
        v = _by_region(v).flatten(1).to(a.dtype)  # (K, R R O)
        with torch.autocast(seen.a.device.type, enabled=False):
            more = 2 * a @ v.T + m @ v.square().T
        return goodness(seen.a)[:, None] + (more / units if reduction == "mean" else more)

    def tries(self, seen: SeenBlock, goodness: Goodness, reduction: str) -> Tensor:
        """Return the goodness of each label `[B, K]`, the right one first.

        Raises:
            ValueError: there is more than one pass per image.
        """
        refuse_labelled_passes(seen.layout, "in every block")
        return right_first(self.scores(seen, goodness, reduction), seen.layout.targets)

    def gate_units(self, c: Tensor, a: Tensor, layout: Layout) -> None:
        """Return None: what a label adds to a unit is not a factor of its activity."""

    def post(self, seen: SeenBlock, c: Tensor) -> Tensor:
        """Return `sum_k c_nk a_nk`, the activity under each label weighted by its gate."""
        gates, v = by_class(c, seen.layout.targets), _terms(seen)
        if self.exact:
            assert seen.z is not None
            total = torch.zeros_like(seen.a)
            for k, v_k in enumerate(v.to(seen.a)):
                total += _per_image(gates[:, k], seen.a) * torch.relu(seen.z + _over(v_k, seen.a))
            return total
        a = split_into_regions(seen.a, self.regions)
        weight = torch.einsum("nk,krqo->nrqo", gates.to(v.dtype), _by_region(v)).to(a.dtype)
        gated = _per_image(gates.sum(dim=1), a) * a + weight[:, :, None, :, None]
        return shaped_like(a.sign().mul_(gated), seen.a)  # in place, and faster than a selection

    def beside_direction(self, seen: SeenBlock, c: Tensor) -> dict[str, Tensor]:
        """Return the ascent of the label terms, `sum_n c_nk a_nk` per region; it sums to 0 over labels as they do."""
        gates, v = by_class(c, seen.layout.targets), _terms(seen)
        if self.exact:
            assert seen.z is not None
            z, found = seen.z, []
            for k, v_k in enumerate(v.to(z)):
                a_k = _per_image(gates[:, k], z) * torch.relu(z + _over(v_k, z))
                found.append(_region_sums(a_k, self.regions).sum(dim=0))
            dv = torch.stack(found)
        else:
            a, m = _region_sums(seen.a, self.regions), _active_sums(seen.a, self.regions)
            c_nk = gates.to(a.dtype).T
            with torch.autocast(a.device.type, enabled=False):
                of_a, of_m = (torch.einsum("kn,nrqo->krqo", c_nk, sums) for sums in (a, m))
            dv = of_a + of_m * _by_region(v)
        dv = dv.permute(0, 3, 1, 2)  # (K, O, R, R) again
        return {"terms": (dv - dv.mean(dim=0)).to(v.dtype)}


def _terms(seen: SeenBlock) -> Tensor:
    """Return the block's label terms `[K, O, R, R]`, relative to the mean label."""
    assert isinstance(seen.beside, LabelTerms)
    return seen.beside.centred()


def _by_region(terms: Tensor) -> Tensor:
    """Return label terms in the order of sums over regions, `[K, R, R, O]`."""
    return terms.permute(0, 2, 3, 1)


def _per_image(values: Tensor, like: Tensor) -> Tensor:
    """Return numbers `[N]` laid out to multiply an activity `[N, ...]`."""
    return values.to(like.dtype).view(-1, *[1] * (like.ndim - 1))


def _region_sums(a: Tensor, regions: int) -> Tensor:
    """Return the sum of each channel over each region, `[N, R, R, O]`, in float32 or better.

    Raises:
        ValueError: the regions do not divide the map.
    """
    size = split_into_regions(a, regions).shape  # refuses regions that do not divide a map
    return region_means(a, regions) * (size[2] * size[4])


def _active_sums(a: Tensor, regions: int) -> Tensor:
    """Return how many units of each channel are active in each region; see `_region_sums`."""
    return _region_sums(a.sign(), regions)  # an activity is never negative


def _over(by_region: Tensor, a: Tensor) -> Tensor:
    """Return values per region `[O, R, R]` in a shape that broadcasts against an activity."""
    if a.ndim == 2:
        return by_region.flatten()
    regions = by_region.shape[-1]
    return by_region.repeat_interleave(a.shape[2] // regions, -2).repeat_interleave(a.shape[3] // regions, -1)
