"""No label anywhere: a layer tells images from what is no image (Hinton 2022, section 3.2)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from convff.contrasts import HybridContrast, Layout
from convff.places.base import Goodness, SeenBlock
from convff.places.image import AtImage


@dataclass(frozen=True)
class AtNowhere(AtImage):
    """Pass 0 of an image is the image itself, the others are no images; no class is ever seen.

    Goodness and gates are those of `AtImage`: one number per pass, for all units of a layer. There are no classes whose
    goodness could be compared, so networks are judged by a readout.

    Example:
        >>> import torch
        >>> a = torch.tensor([[3.0, 4.0], [0.0, 1.0]])  # an image, and its hybrid
        >>> layout = Layout(targets=torch.tensor([7]), passes=2)
        >>> AtNowhere().right_first(AtNowhere().goodness(a, "sum"), layout)
        tensor([[25.,  1.]])
    """

    evaluation: ClassVar[str] = "linear"
    contrast: ClassVar[Callable[..., HybridContrast]] = HybridContrast  # type: ignore[assignment]

    def scores(self, seen: SeenBlock, goodness: Goodness, reduction: str) -> Tensor:
        """Raise ValueError: no label is tried."""
        raise ValueError("without labels no class has a goodness: judge the network by a readout")

    def right_first(self, g: Tensor, layout: Layout) -> Tensor:
        """Return goodness `[N]` as `[B, P]`, where pass 0 is the image itself.

        Raises:
            ValueError: there is one pass per image, a stream beside the images, or passes that carry labels.
        """
        if layout.passes < 2 or layout.stream or layout.labels is not None:
            raise ValueError(
                f"where there are no labels, images are compared with hybrids, got {layout.passes} passes for each, "
                f"{layout.stream} label images and {'no ' if layout.labels is None else ''}labels in passes: use the "
                "contrast HybridContrast"
            )
        return layout.by_image(g)
