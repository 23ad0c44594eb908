"""Signed maps, before anything is clipped, scaled or drawn."""

from dataclasses import dataclass

import torch
from torch import Tensor

from cam.functional import spread_to_image

FINE = "fine"
CONSTANT = "constant"
ALL_NEGATIVE = "all negative"


@dataclass(frozen=True, eq=False)
class Maps:
    """The maps of a batch, per layer: positive where a position speaks for the target, negative where against it.

    Args:
        layers: for each target layer `[B, h, w]`, at the layer's own size.
        scores: the explained score of each image, `[B]`.
        bias: the part of the score that belongs to no position, `[B]`: with the maps of all layers that count,
            `sum of maps + bias = score`. None if the method does not guarantee that.
        size: H and W of the image.

    Example:
        >>> maps = Maps((torch.ones(1, 2, 2),), scores=torch.tensor([4.0]), bias=None, size=(4, 4))
        >>> maps.shares(), maps.summed().shape
        (tensor([[4.]]), torch.Size([1, 4, 4]))
    """

    layers: tuple[Tensor, ...]
    scores: Tensor
    bias: Tensor | None
    size: tuple[int, int]

    def on_image(self) -> Tensor:
        """Return all maps at the size of the image `[B, L, H, W]`, with their sums kept."""
        return torch.stack([spread_to_image(layer, self.size) for layer in self.layers], dim=1)

    def summed(self) -> Tensor:
        """Return the sum over the layers at the size of the image `[B, H, W]`."""
        return self.on_image().sum(dim=1)

    def shares(self) -> Tensor:
        """Return what each layer adds to the score, `[B, L]`."""
        return torch.stack([layer.sum(dim=(1, 2)) for layer in self.layers], dim=1)


def kinds(maps: Tensor) -> list[str]:
    """Classify maps `[B, H, W]`: "fine", "constant", or "all negative" (no position speaks for the target).

    A map counts as constant if it varies by no more than rounding: scaled to [0, 1], it would be noise.

    Example:
        >>> kinds(torch.tensor([[[1.0, -1.0]], [[2.0, 2.0]], [[-1.0, -2.0]]]))
        ['fine', 'constant', 'all negative']
    """
    flat = maps.flatten(1)
    highest, lowest = flat.amax(dim=1), flat.amin(dim=1)
    rounding = 32 * torch.finfo(maps.dtype).eps * flat.abs().amax(dim=1)
    constant = highest - lowest <= rounding
    return [
        CONSTANT if still else ALL_NEGATIVE if most <= 0 else FINE
        for still, most in zip(constant.tolist(), highest.tolist(), strict=True)
    ]
