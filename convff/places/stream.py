"""The label in its own stream: label images go through the same blocks as images (SigProp)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from convff.contrasts import LabelStream, Layout
from convff.functional import GOODNESS
from convff.network import Block, LayerLocalNet
from convff.places.agreement import agreement, rows_of
from convff.places.base import Goodness, SeenBlock
from convff.places.classes import by_class, right_first
from convff.regions import shaped_like


@dataclass(frozen=True, kw_only=True)
class AtStream:
    """Goodness is the agreement of an image's activity with that of each label's image, `g_nk = 1/n <a_n, t_k>`.

    Images and label images share all weights, and nothing else: each stream is normalised by its own statistics.
    The K labels cost K more rows per batch. With `m = 1[z > 0]`,

        dW -> 1/2 [ sum_n (m_n sum_k c_nk t_k) (x) x_n  +  sum_k (m_k sum_n c_nk a_n) (x) l_k ]

    Args:
        num_classes: number of labels K.

    Raises:
        ValueError: fewer than 2 labels.

    Reference:
        Kohan, Rietman & Siegelmann 2022, "Signal Propagation". The closed form and the label's waves are ours.
    """

    evaluation: ClassVar[str] = "stream"
    contrast: ClassVar[Callable[..., LabelStream]] = LabelStream
    wants_z: ClassVar[bool] = False

    num_classes: int

    def __post_init__(self) -> None:
        if self.num_classes < 2:
            raise ValueError(f"a stream of labels needs at least 2 classes, got {self.num_classes}")

    def check(self, net: LayerLocalNet, num_classes: int) -> None:
        """Raise unless the stream is for `num_classes` and the network has no label channels.

        Raises:
            ValueError: the number of classes differs, or the network expects a label beside the image.
        """
        if num_classes != self.num_classes:
            raise ValueError(f"the stream of labels is for {self.num_classes} classes, got {num_classes}")
        if net.label_channels:
            raise ValueError("a stream of labels needs a network without label channels: images carry no label")

    def fitting(self, width: int) -> int:
        """Return the width unchanged: every width fits."""
        return width

    def units(self, a: Tensor) -> int:
        """Return the number of units of the layer."""
        return a[0].numel()

    def beside(self, block: Block, generator: torch.Generator) -> None:
        """Return None: nothing learns beside a block."""

    def goodness(self, a: Tensor, reduction: str) -> Tensor:
        """Return the agreement of each activity `[N, ...]` with itself, `[N]`."""
        return GOODNESS[reduction](a)

    def scores(self, seen: SeenBlock, goodness: Goodness, reduction: str) -> Tensor:
        """Return the agreement of each image with each label `[B, K]`.

        Raises:
            ValueError: the passes have no stream of K label images.
        """
        found = agreement(*self._streams(seen))
        return found / self.units(seen.a) if reduction == "mean" else found

    def tries(self, seen: SeenBlock, goodness: Goodness, reduction: str) -> Tensor:
        """Return the agreement with each label `[B, K]`, the right one first."""
        return right_first(self.scores(seen, goodness, reduction), seen.layout.targets)

    def gate_units(self, c: Tensor, a: Tensor, layout: Layout) -> None:
        """Return None: a unit is weighted by the activity of the other stream, not by its own."""

    def post(self, seen: SeenBlock, c: Tensor) -> Tensor:
        """Return half the other stream's activity, weighted by the gates, where a unit is active: `[N, ...]`."""
        a, t = self._streams(seen)
        gates = by_class(c, seen.layout.targets).to(a.dtype) / 2
        images, labels = rows_of(a), rows_of(t)
        others = torch.cat([gates @ labels, gates.T @ images])
        return seen.a.sign().mul_(shaped_like(others, seen.a))

    def beside_direction(self, seen: SeenBlock, c: Tensor) -> dict[str, Tensor]:
        """Return no direction: nothing learns beside a block."""
        return {}

    def _streams(self, seen: SeenBlock) -> tuple[Tensor, Tensor]:
        """Return the activity of the images `[B, ...]` and of the labels `[K, ...]`."""
        layout = seen.layout
        if layout.passes != 1 or layout.stream != self.num_classes:
            raise ValueError(
                f"a stream of labels takes one pass per image and {self.num_classes} label images, got {layout.passes} "
                f"and {layout.stream}: use the contrast LabelStream"
            )
        return layout.by_image(seen.a)[:, 0], layout.of_stream(seen.a)
