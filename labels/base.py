"""What every label family keeps to, and the checks they share."""

from typing import Any, Protocol

import torch
from torch import Tensor


class LabelGenerator(Protocol):
    """Puts the label of a class into an image, so that a network can see image and label at once."""

    num_classes: int

    def __call__(self, images: Tensor, classes: Tensor) -> Tensor:
        """Labelled images.

        Args:
            images: float `[B, C, H, W]` in [0, 1]; never changed.
            classes: int64 `[B]`, or `[B, P]` for several labels per image.

        Returns:
            `[B, C', H, W]` or `[B, P, C', H, W]`, of the images' dtype and device.

        Raises:
            ValueError: shapes that do not fit, or a class outside [0, num_classes).
        """
        ...

    def neutral(self, images: Tensor) -> Tensor:
        """Images `[B, C', H, W]` that carry no label, for the readout."""
        ...

    def patterns(self, image: Tensor) -> Tensor:
        """What each label alone looks like on an image `[C, H, W]`: `[K, C', H, W]`, for figures."""
        ...

    def channels(self, image_channels: int) -> int:
        """C' for images of C channels."""
        ...

    def spec(self) -> dict[str, Any]:
        """All that is needed to build the same generator again, as JSON can hold it."""
        ...


def check_labelled(images: Tensor, classes: Tensor, num_classes: int) -> None:
    """Refuse images and classes that a generator cannot label; see `LabelGenerator.__call__`."""
    if images.ndim != 4 or not images.is_floating_point():
        raise ValueError(f"images must be float [B, C, H, W] in [0, 1], not {images.dtype} {list(images.shape)}")
    if classes.ndim not in (1, 2) or classes.shape[0] != images.shape[0] or classes.dtype != torch.int64:
        raise ValueError(
            f"classes must be int64 [B] or [B, P] for {images.shape[0]} images, "
            f"not {classes.dtype} {list(classes.shape)}"
        )
    check_classes(classes, num_classes)


def check_classes(classes: Tensor, num_classes: int) -> None:
    """Refuse class indices outside [0, num_classes)."""
    # On a GPU the check would stall the queue at every step; there the data set was checked when it was made.
    if classes.device.type == "cpu" and classes.numel():
        low, high = int(classes.min()), int(classes.max())
        if low < 0 or high >= num_classes:
            raise ValueError(f"classes must lie in [0, {num_classes}), but run from {low} to {high}")


def check_intensity(intensity: float) -> float:
    """Refuse a label intensity K outside [0, 1]."""
    if not 0 <= intensity <= 1:
        raise ValueError(f"the label intensity K must lie in [0, 1], not {intensity}")
    return float(intensity)


def spread(images: Tensor, classes: Tensor) -> Tensor:
    """Images `[B, C, H, W]` lined up with classes `[B]` or `[B, P]`: a view of `[B, C, H, W]` or `[B, P, C, H, W]`."""
    if classes.ndim == 1:
        return images
    return images[:, None].expand(-1, classes.shape[1], -1, -1, -1)


class PatternBank:
    """Patterns made once, given out on any device and in any dtype; what one caller asks for never changes another's.

    Args:
        patterns: float32 `[K, ...]`, the last two dimensions broadcastable to the image size.
        image_size: height and width of the images that the patterns are for.
    """

    def __init__(self, patterns: Tensor, image_size: tuple[int, int]) -> None:
        self.patterns = patterns
        self.image_size = image_size
        self._copies: dict[tuple[torch.device, torch.dtype], Tensor] = {}

    def fitting(self, images: Tensor) -> Tensor:
        """The patterns on the images' device and in their dtype.

        Raises:
            ValueError: the images are not of the size that the patterns were made for.
        """
        size = tuple(images.shape[-2:])
        if size != self.image_size:
            raise ValueError(f"these labels are for images of {self.image_size}, not {size}")
        key = (images.device, images.dtype)
        if key not in self._copies:
            self._copies[key] = self.patterns.to(images)
        return self._copies[key]
