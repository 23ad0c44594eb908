"""The interface of label generators, and the checks that they share."""

from typing import Any, Protocol

import torch
from torch import Tensor


class LabelGenerator(Protocol):
    """Writes the label of a class into an image, so that a network sees image and label together."""

    num_classes: int

    def __call__(self, images: Tensor, classes: Tensor) -> Tensor:
        """Return labelled images.

        Args:
            images: float `[B, C, H, W]` in [0, 1]; never modified.
            classes: int64 `[B]`, or `[B, P]` for several labels per image.

        Returns:
            `[B, C', H, W]` or `[B, P, C', H, W]`, with the images' dtype and device.

        Raises:
            ValueError: shapes or dtypes that do not match, or a class outside [0, num_classes).
        """
        ...

    def neutral(self, images: Tensor) -> Tensor:
        """Return images `[B, C', H, W]` that carry no label, for the readout."""
        ...

    def patterns(self, image: Tensor) -> Tensor:
        """Return what each label looks like on an image `[C, H, W]`: `[K, C', H, W]`, for figures."""
        ...

    def channels(self, image_channels: int) -> int:
        """Return C', the number of channels of labelled images, for images of C channels."""
        ...

    def spec(self) -> dict[str, Any]:
        """Return all that is needed to build the same generator again, ready for JSON."""
        ...


def check_labelled(images: Tensor, classes: Tensor, num_classes: int) -> None:
    """Raise ValueError for images or classes that a generator cannot label; see `LabelGenerator.__call__`.

    Example:
        >>> check_labelled(torch.rand(2, 1, 4, 4), torch.tensor([0, 2]), num_classes=3)
    """
    if images.ndim != 4 or not images.is_floating_point():
        raise ValueError(f"images must be float [B, C, H, W] in [0, 1], got {images.dtype} {list(images.shape)}")
    if classes.ndim not in (1, 2) or classes.shape[0] != images.shape[0] or classes.dtype != torch.int64:
        raise ValueError(
            f"classes must be int64 [B] or [B, P] for {images.shape[0]} images, "
            f"got {classes.dtype} {list(classes.shape)}"
        )
    check_classes(classes, num_classes)


def check_classes(classes: Tensor, num_classes: int) -> None:
    """Raise ValueError for classes outside [0, num_classes).

    Example:
        >>> check_classes(torch.tensor([0, 3]), num_classes=3)
        Traceback (most recent call last):
        ValueError: classes must be in [0, 3), got classes from 0 to 3
    """
    # On a GPU the check would synchronise at every step; there the data set was checked when it was made.
    if classes.device.type == "cpu" and classes.numel():
        low, high = int(classes.min()), int(classes.max())
        if low < 0 or high >= num_classes:
            raise ValueError(f"classes must be in [0, {num_classes}), got classes from {low} to {high}")


def check_intensity(intensity: float) -> float:
    """Return a label intensity K as a float; raise ValueError if it is outside [0, 1].

    Example:
        >>> check_intensity(1)
        1.0
    """
    if not 0 <= intensity <= 1:
        raise ValueError(f"the label intensity K must be in [0, 1], got {intensity}")
    return float(intensity)


def spread(images: Tensor, classes: Tensor) -> Tensor:
    """Broadcast images `[B, C, H, W]` to classes `[B]` or `[B, P]`: a view of `[B, C, H, W]` or `[B, P, C, H, W]`.

    Example:
        >>> spread(torch.rand(2, 1, 4, 4), torch.tensor([[0, 1, 2], [2, 1, 0]])).shape
        torch.Size([2, 3, 1, 4, 4])
    """
    if classes.ndim == 1:
        return images
    return images[:, None].expand(-1, classes.shape[1], -1, -1, -1)


class PatternBank:
    """Patterns that are made once, with a cached copy for each device and dtype that was asked for.

    Args:
        patterns: float32 `[K, ...]`, the last two dimensions broadcastable to the image size.
        image_size: height and width of the images that the patterns are for.

    Example:
        >>> PatternBank(torch.zeros(3, 1, 1), (8, 8)).fitting(torch.rand(2, 1, 8, 8).half()).dtype
        torch.float16
    """

    def __init__(self, patterns: Tensor, image_size: tuple[int, int]) -> None:
        self.patterns = patterns
        self.image_size = image_size
        self._copies: dict[tuple[torch.device, torch.dtype], Tensor] = {}

    def fitting(self, images: Tensor) -> Tensor:
        """Return the patterns on the images' device and in their dtype.

        Raises:
            ValueError: images of another size than the patterns were made for.
        """
        size = tuple(images.shape[-2:])
        if size != self.image_size:
            raise ValueError(f"images must have the size of these labels, {self.image_size}, got {size}")
        key = (images.device, images.dtype)
        if key not in self._copies:
            self._copies[key] = self.patterns.to(images)
        return self._copies[key]
