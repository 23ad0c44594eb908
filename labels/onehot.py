"""One-hot labels: the first K pixels of the image carry the label (Hinton 2022, section 3.3)."""

from typing import Any

import torch
from torch import Tensor

from labels.base import check_labelled, spread
from labels.fields import class_count, finite


class OneHotLabels:
    """Replaces the first K pixels, row by row, with a one-hot code of the class, in every channel.

    Meant for dense layers: the filters of a convolution see the code only in one corner of the image.

    Args:
        num_classes: number of classes K.
        value: the value of the hot pixel.
        rest: the value of the other ones of the first K pixels, in [0, 1].

    Raises:
        ValueError: `rest` is out of range, or equal to `value`, so that all labels are the same; or when called, an
            image with fewer pixels than classes.

    Example:
        >>> OneHotLabels(3)(torch.full((1, 1, 2, 2), 0.5), torch.tensor([1]))
        tensor([[[[0.0000, 1.0000],
                  [0.0000, 0.5000]]]])
    """

    def __init__(self, num_classes: int, *, value: float = 1.0, rest: float = 0.0) -> None:
        if not 0 <= rest <= 1:
            raise ValueError(f"rest must be in [0, 1], got {rest}")
        if rest == value:
            raise ValueError(f"rest must differ from value, got {rest} for both")
        self.num_classes = num_classes
        self.value = float(value)
        self.rest = float(rest)

    def __call__(self, images: Tensor, classes: Tensor) -> Tensor:
        """See `labels.base.LabelGenerator`."""
        check_labelled(images, classes, self.num_classes)
        hot = torch.nn.functional.one_hot(classes, self.num_classes).to(images.dtype)  # (B, [P,] K)
        code = hot * self.value + (1 - hot) * self.rest
        return self._write(spread(images, classes), code)

    def bases(self, images: Tensor) -> Tensor:
        """Return the images with `rest` in the first K pixels, `[B, C, H, W]`; see `summands`."""
        return self._write(images, images.new_full((images.shape[0], self.num_classes), self.rest))

    def summands(self, images: Tensor) -> Tensor:
        """Return `value - rest` in the hot pixel of a black image, `[K, C, H, W]`: base plus summand has the label."""
        code = torch.eye(self.num_classes, dtype=images.dtype, device=images.device) * (self.value - self.rest)
        return self._write(self._black(images), code)

    def neutral(self, images: Tensor) -> Tensor:
        """Return the images with the mean of all codes in the first K pixels, as in public Forward-Forward code."""
        mean = (self.value + (self.num_classes - 1) * self.rest) / self.num_classes
        return self._write(images, images.new_full((images.shape[0], self.num_classes), mean))

    def patterns(self, image: Tensor) -> Tensor:
        """Return the codes on a black image, `[K, C, H, W]`."""
        return self(self._black(image[None]), torch.arange(self.num_classes, device=image.device))

    def channels(self, image_channels: int) -> int:
        """Return the number of channels of the image."""
        return image_channels

    def spec(self) -> dict[str, Any]:
        """Return JSON-ready arguments."""
        return {"family": "onehot", "num_classes": self.num_classes, "value": self.value, "rest": self.rest}

    @classmethod
    def from_spec(cls, spec: dict[str, Any]) -> "OneHotLabels":
        """Build a generator from its `spec()`; one without `rest`, of an earlier version, has 0."""
        return cls(class_count(spec), value=finite(spec, "value"), rest=finite({"rest": 0.0} | spec, "rest"))

    def _black(self, images: Tensor) -> Tensor:
        """Return black images `[K, C, H, W]` like the given ones."""
        return images.new_zeros(1, *images.shape[1:]).expand(self.num_classes, -1, -1, -1)

    def _write(self, images: Tensor, code: Tensor) -> Tensor:
        pixels = images.shape[-2] * images.shape[-1]
        if pixels < self.num_classes:
            raise ValueError(f"{self.num_classes} classes need one pixel each, got images of {pixels} pixels")
        labelled = images.flatten(-2).clone()  # (B, [P,] C, H*W)
        labelled[..., : self.num_classes] = code.unsqueeze(-2)
        return labelled.view(images.shape)
