"""Channel labels: the label in channels of its own, beside the image."""

from typing import Any

import torch
from torch import Tensor

from labels.base import PatternBank, check_labelled, spread
from labels.fields import class_count, field, size_of
from labels.waves import fourier_set_1, wave_image


class ChannelLabels:
    """Appends label channels to the image, which itself is unchanged.

    Either K one-hot planes (the plane of the class is 1, the others 0), or one plane with the class's wave. The
    idea of a label plane beside the image is from the Trifecta (Dooms et al. 2023), where the plane is learned.

    Args:
        num_classes: number of classes.
        image_size: height and width.
        planes: "onehot" or "fourier".

    Raises:
        ValueError: unknown `planes`, or an image too small for one wave per class.

    Example:
        >>> labels = ChannelLabels(10, (32, 32))
        >>> labels(torch.rand(2, 3, 32, 32), torch.tensor([4, 9])).shape
        torch.Size([2, 13, 32, 32])
    """

    def __init__(self, num_classes: int, image_size: tuple[int, int], *, planes: str = "onehot") -> None:
        if planes not in ("onehot", "fourier"):
            raise ValueError(f"planes must be 'onehot' or 'fourier', got {planes!r}")
        self.num_classes = num_classes
        self.image_size = (image_size[0], image_size[1])
        self.planes = planes
        if planes == "onehot":
            drawn = torch.eye(num_classes)[:, :, None, None]  # (K, K, 1, 1)
        else:
            waves = [wave_image(wave, *self.image_size) for wave in fourier_set_1(num_classes, self.image_size)]
            drawn = torch.stack(waves)[:, None]  # (K, 1, H, W)
        self._bank = PatternBank(drawn, self.image_size)

    def __call__(self, images: Tensor, classes: Tensor) -> Tensor:
        """See `labels.base.LabelGenerator`."""
        check_labelled(images, classes, self.num_classes)
        return self._stack(spread(images, classes), self._bank.fitting(images)[classes])

    def bases(self, images: Tensor) -> Tensor:
        """Return the images with empty label planes, `[B, C', H, W]`; see `summands`."""
        empty = torch.zeros_like(self._bank.fitting(images)[:1])
        return self._stack(images, empty.expand(len(images), -1, -1, -1))

    def summands(self, images: Tensor) -> Tensor:
        """Return the label planes beside a black image, `[K, C', H, W]`: base plus summand is the labelled image."""
        black = images.new_zeros(1, *images.shape[1:])
        return self._stack(black.expand(self.num_classes, -1, -1, -1), self._bank.fitting(images))

    def neutral(self, images: Tensor) -> Tensor:
        """Return the images with the mean of all label planes (1/K in each one-hot plane)."""
        mean = self._bank.fitting(images).mean(dim=0)
        return self._stack(images, mean.expand(len(images), -1, -1, -1))

    def patterns(self, image: Tensor) -> Tensor:
        """Return the label planes beside copies of the image, `[K, C', H, W]`."""
        return self._stack(image.expand(self.num_classes, -1, -1, -1), self._bank.fitting(image[None]))

    def channels(self, image_channels: int) -> int:
        """Return the number of channels of image and label together."""
        return image_channels + self._bank.patterns.shape[1]

    def spec(self) -> dict[str, Any]:
        """Return JSON-ready arguments."""
        return {
            "family": "channel",
            "num_classes": self.num_classes,
            "image_size": list(self.image_size),
            "planes": self.planes,
        }

    @classmethod
    def from_spec(cls, spec: dict[str, Any]) -> "ChannelLabels":
        """Build a generator from its `spec()`."""
        return cls(class_count(spec), size_of(spec), planes=field(spec, "planes"))

    @staticmethod
    def _stack(images: Tensor, planes: Tensor) -> Tensor:
        planes = planes.expand(*images.shape[:-3], -1, *images.shape[-2:])
        return torch.cat([images, planes], dim=-3)
