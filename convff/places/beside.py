"""The label's image beside the input of every block, through the block's own label weights (HebbFF, section 3)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.grad import conv2d_weight

from convff.contrasts import LabelsBeside, Layout
from convff.functional import GOODNESS
from convff.network import Block, LayerLocalNet
from convff.places.agreement import agreement, rows_of
from convff.places.base import Goodness, SeenBlock
from convff.places.classes import by_class, refuse_labelled_passes, right_first
from convff.regions import shaped_like


class LabelFilters(nn.Module):
    """A block's own weights V on the label's image: label k adds `u_k = V * l_k` before the ReLU.

    Args:
        channels: number of channels O of the block.
        kernel: odd side of the filters, in positions.
        start: standard deviation of the initial weights.
        generator: draws the initial weights.

    Example:
        >>> LabelFilters(4, kernel=3, start=0.2).maps(torch.rand(5, 1, 8, 8)).shape
        torch.Size([5, 4, 8, 8])
    """

    def __init__(self, channels: int, kernel: int, start: float, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.weight = nn.Parameter(start * torch.randn(channels, 1, kernel, kernel, generator=generator))

    def maps(self, planes: Tensor) -> Tensor:
        """Return the terms relative to the mean label, `u_k - mean u`, `[K, O, H, W]`, for planes `[K, 1, H, W]`."""
        u = F.conv2d(planes, self.weight, padding=self.weight.shape[-1] // 2)
        return (u - u.mean(dim=0)).contiguous(memory_format=torch.channels_last)


@dataclass(frozen=True, kw_only=True)
class AtBeside:
    """A label-free trunk whose blocks see the image of each label beside their input, and try all labels.

    As in `AtBlocks`, but a label adds a map: the label's image, resized to the block's maps, through the block's own
    filters V. A convolution of image and label beside each other is the sum of two convolutions, so one convolution of
    the images serves all labels. In the frozen form, with `m = 1[z > 0]` and `v_k = V * (l_k - mean l)`,

        g_k = g + 1/n sum (2 a v_k + m v_k^2)        dW -> sum_n (a sum_k c_nk + m sum_k c_nk v_k) (x) x_n
                                                     dV -> sum_k [sum_n c_nk (a + m v_k)] (x) l_k

    So waves enter every block at its own resolution, whereas HebbFF repeats a one-hot code.

    Args:
        num_classes: number of labels K.
        kernel: odd side of the label's filters.
        start: standard deviation of their initial values.

    Raises:
        ValueError: fewer than 2 labels, or an even kernel.

    Reference:
        Krutsylo, "The Hebbian Forward-Forward Algorithm", section 3, for the label at every layer; Scodellaro et al.
        2025 for spatially extended labels. The combination and the closed form are ours.
    """

    evaluation: ClassVar[str] = "beside"
    contrast: ClassVar[Callable[..., LabelsBeside]] = LabelsBeside
    wants_z: ClassVar[bool] = False

    num_classes: int
    kernel: int = 3
    start: float = 0.2

    def __post_init__(self) -> None:
        if self.num_classes < 2 or self.kernel % 2 == 0:
            raise ValueError(
                f"labels beside every block need at least 2 classes and an odd kernel, got {self.num_classes} and "
                f"{self.kernel}"
            )

    def check(self, net: LayerLocalNet, num_classes: int) -> None:
        """Raise for another number of classes, and for dense layers, which have no maps to add an image to.

        Raises:
            ValueError: the place does not fit.
        """
        if num_classes != self.num_classes:
            raise ValueError(f"the labels beside every block are for {self.num_classes} classes, got {num_classes}")
        if not all(isinstance(block.layer, nn.Conv2d) for block in net):
            raise ValueError("labels beside every block need convolutions, got a dense layer: use --label-at blocks")

    def fitting(self, width: int) -> int:
        """Return the width unchanged: every width fits."""
        return width

    def units(self, a: Tensor) -> int:
        """Return the number of units of the layer."""
        return a[0].numel()

    def beside(self, block: Block, generator: torch.Generator) -> LabelFilters:
        """Make the label filters of a block."""
        return LabelFilters(len(block.layer.weight), self.kernel, self.start, generator)

    def goodness(self, a: Tensor, reduction: str) -> Tensor:
        """Return the goodness `[N]` of an activity `[N, ...]`, under the mean label."""
        return GOODNESS[reduction](a)

    def scores(self, seen: SeenBlock, goodness: Goodness, reduction: str) -> Tensor:
        """Return the goodness of each label `[N, K]`.

        Raises:
            ValueError: the layout has no images of the K labels.
        """
        v = self._maps(seen)
        more = 2 * agreement(seen.a, v) + agreement(seen.a.sign(), v.square())  # an activity is never negative
        return goodness(seen.a)[:, None] + (more / self.units(seen.a) if reduction == "mean" else more)

    def tries(self, seen: SeenBlock, goodness: Goodness, reduction: str) -> Tensor:
        """Return the goodness of each label `[B, K]`, the right one first."""
        refuse_labelled_passes(seen.layout, "beside every block")
        return right_first(self.scores(seen, goodness, reduction), seen.layout.targets)

    def gate_units(self, c: Tensor, a: Tensor, layout: Layout) -> None:
        """Return None: what a label adds to a unit is not a factor of its activity."""

    def post(self, seen: SeenBlock, c: Tensor) -> Tensor:
        """Return `sum_k c_nk a_nk`, the activity under each label weighted by its gate."""
        a, gates = seen.a, by_class(c, seen.layout.targets)
        terms = shaped_like(gates.to(a.dtype) @ rows_of(self._maps(seen)).to(a.dtype), a)
        total = gates.sum(dim=1).to(a.dtype).view(-1, 1, 1, 1)
        return a.sign().mul_(total * a + terms)

    def beside_direction(self, seen: SeenBlock, c: Tensor) -> dict[str, Tensor]:
        """Return the ascent of the label filters."""
        filters, v, gates = _filters(seen), self._maps(seen), by_class(c, seen.layout.targets).to(seen.a.dtype).T
        of_a, of_m = (gates @ rows_of(maps) for maps in (seen.a, seen.a.sign()))  # (K, n)
        dv = shaped_like(of_a.to(v.dtype) + of_m.to(v.dtype) * rows_of(v), seen.a)
        with torch.autocast(v.device.type, enabled=False):
            size, padding = list(filters.weight.shape), self.kernel // 2
            dV = conv2d_weight(self._planes(seen).to(v.dtype), size, dv - dv.mean(dim=0), padding=padding)
        return {"weight": dV}

    def _planes(self, seen: SeenBlock) -> Tensor:
        """Return the label images at the size of the block's maps `[K, 1, H, W]`, each of mean 0 and variance 1."""
        images = seen.layout.label_images
        if images is None or len(images) != self.num_classes:
            raise ValueError(
                f"labels beside every block need images of {self.num_classes} labels: use the contrast LabelsBeside"
            )
        return self.planes(images, (seen.a.shape[2], seen.a.shape[3]))

    @staticmethod
    def planes(label_images: Tensor, size: tuple[int, int]) -> Tensor:
        """Return label images `[K, C, H, W]` at another size, in one channel, each of mean 0 and variance 1."""
        planes = F.adaptive_avg_pool2d(label_images.mean(dim=1, keepdim=True), size)
        deviation, mean = torch.std_mean(planes, dim=(2, 3), correction=0, keepdim=True)
        return (planes - mean) / deviation.clamp_min(1e-6)

    def _maps(self, seen: SeenBlock) -> Tensor:
        """Return what each label adds, `[K, O, H, W]`, in the dtype of the filters."""
        filters = _filters(seen)
        with torch.autocast(seen.a.device.type, enabled=False):
            return filters.maps(self._planes(seen).to(filters.weight.dtype))


def _filters(seen: SeenBlock) -> LabelFilters:
    assert isinstance(seen.beside, LabelFilters)
    return seen.beside
