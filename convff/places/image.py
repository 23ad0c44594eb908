"""The label in the image: one pass per label that is tried (Hinton 2022; Scodellaro et al. 2025)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from convff.contrasts import LabelContrast, Layout
from convff.functional import GOODNESS
from convff.network import Block, LayerLocalNet
from convff.outer import gated
from convff.places.base import Goodness, SeenBlock


@dataclass(frozen=True)
class AtImage:
    """All units of a layer stand for the label of their pass: one goodness per pass, and one gate for all units.

    Example:
        >>> import torch
        >>> a = torch.tensor([[3.0, 4.0], [0.0, 1.0]])  # the right pass of an image, and a wrong one
        >>> layout = Layout(targets=torch.tensor([0]), passes=2)
        >>> AtImage().right_first(AtImage().goodness(a, "sum"), layout)
        tensor([[25.,  1.]])
    """

    evaluation: ClassVar[str] = "goodness"
    contrast: ClassVar[Callable[..., LabelContrast]] = LabelContrast
    wants_z: ClassVar[bool] = False

    def check(self, net: LayerLocalNet, num_classes: int) -> None:
        """Accept any network and number of classes."""

    def fitting(self, width: int) -> int:
        """Return the width unchanged: every width fits."""
        return width

    def units(self, a: Tensor) -> int:
        """Return the number of units of the layer."""
        return a[0].numel()

    def goodness(self, a: Tensor, reduction: str) -> Tensor:
        """Return the goodness `[N]` of an activity `[N, ...]`."""
        return GOODNESS[reduction](a)

    def beside(self, block: Block, generator: torch.Generator) -> None:
        """Return None: nothing learns beside a block."""

    def scores(self, seen: SeenBlock, goodness: Goodness, reduction: str) -> Tensor:
        """Raise ValueError: a pass only has the goodness of its own label."""
        raise ValueError("with the label in the image, passes score only their own label: use `convff.block_goodness`")

    def tries(self, seen: SeenBlock, goodness: Goodness, reduction: str) -> Tensor:
        """Return the goodness of each pass, `[B, P]`; see `right_first`."""
        return self.right_first(goodness(seen.a), seen.layout)

    def right_first(self, g: Tensor, layout: Layout) -> Tensor:
        """Return goodness `[N]` as `[B, P]`, where pass 0 has the right label.

        Raises:
            ValueError: there is one pass per image, or a stream of labels beside the images.
        """
        if layout.passes < 2 or layout.stream:
            raise ValueError(
                f"with the label in the image a right and a wrong pass are compared, got {layout.passes} per image and "
                f"{layout.stream} label images: use the contrast LabelContrast"
            )
        return layout.by_image(g)

    def gate_units(self, c: Tensor, a: Tensor, layout: Layout) -> Tensor:
        """Return gates `[B, P]` as one number per pass, `[N]`."""
        return c.reshape(-1)

    def post(self, seen: SeenBlock, c: Tensor) -> Tensor:
        """Return the activity of each pass times its gate."""
        return gated(seen.a, self.gate_units(c, seen.a, seen.layout))

    def beside_direction(self, seen: SeenBlock, c: Tensor) -> dict[str, Tensor]:
        """Return no direction: nothing learns beside a block."""
        return {}
