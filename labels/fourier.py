"""Fourier labels, `z = (1 - K) image + K wave`: each class has its own wave (Scodellaro et al. 2025, Methods)."""

from typing import Any

import torch
from torch import Tensor

from labels.base import PatternBank, check_intensity, check_labelled, spread
from labels.fields import class_count, finite, listed, size_of
from labels.waves import Wave, fourier_set_1, random_waves, wave_image


class FourierLabels:
    """Mixes the wave of a class into the image: `z = (1 - K) image + K wave`, the same wave in every channel.

    Args:
        num_classes: number of classes.
        image_size: height and width.
        intensity: the paper's K, the label's share of the total intensity, in [0, 1]: 0.35 for MNIST, 0.30 for CIFAR.
        waves: one per class, further ones are ignored; `fourier_set_1` if omitted.

    Raises:
        ValueError: fewer waves than classes, a wave too fine for the image, or K outside [0, 1].

    Example:
        >>> labels = FourierLabels(10, (28, 28), intensity=0.35)
        >>> labels(torch.rand(2, 1, 28, 28), torch.tensor([[3, 7], [1, 0]])).shape
        torch.Size([2, 2, 1, 28, 28])

    Reference:
        Scodellaro et al. 2025, "Spatially-extended labeling". Mixing by convex sum is our reading of "relative
        contribution K of the label pattern to the total intensity of the image".
    """

    def __init__(
        self,
        num_classes: int,
        image_size: tuple[int, int],
        *,
        intensity: float = 0.3,
        waves: tuple[Wave, ...] | None = None,
    ) -> None:
        self.waves = fourier_set_1(num_classes, image_size) if waves is None else tuple(waves[:num_classes])
        if len(self.waves) < num_classes:
            raise ValueError(f"{num_classes} classes need one wave each, got {len(self.waves)} waves")
        self.num_classes = num_classes
        self.image_size = (image_size[0], image_size[1])
        self.intensity = check_intensity(intensity)
        waves_drawn = torch.stack([wave_image(wave, *self.image_size) for wave in self.waves])  # (K, H, W)
        self._bank = PatternBank(waves_drawn, self.image_size)

    def __call__(self, images: Tensor, classes: Tensor) -> Tensor:
        """See `labels.base.LabelGenerator`."""
        check_labelled(images, classes, self.num_classes)
        waves = self._bank.fitting(images)[classes].unsqueeze(-3)  # (B, [P,] 1, H, W)
        return torch.lerp(spread(images, classes), waves.expand(*classes.shape, *images.shape[1:]), self.intensity)

    def bases(self, images: Tensor) -> Tensor:
        """Return `(1 - K) image`, `[B, C, H, W]`; see `summands`."""
        return images * (1 - self.intensity)

    def summands(self, images: Tensor) -> Tensor:
        """Return `K wave`, `[classes, C, H, W]`: base plus summand is the labelled image."""
        waves = self._bank.fitting(images)[:, None].expand(-1, images.shape[1], -1, -1)
        return waves * self.intensity

    def neutral(self, images: Tensor) -> Tensor:
        """Return the images with the mean of all waves: `(1 - K) image + K mean(waves)`. The choice is ours."""
        mean = self._bank.fitting(images).mean(dim=0)
        return torch.lerp(images, mean.expand_as(images), self.intensity)

    def patterns(self, image: Tensor) -> Tensor:
        """Return the waves, `[K, C, H, W]`."""
        return self._bank.fitting(image[None])[:, None].expand(-1, image.shape[0], -1, -1)

    def channels(self, image_channels: int) -> int:
        """Return the number of channels of the image."""
        return image_channels

    def spec(self) -> dict[str, Any]:
        """Return JSON-ready arguments."""
        return {
            "family": "fourier",
            "num_classes": self.num_classes,
            "image_size": list(self.image_size),
            "intensity": self.intensity,
            "waves": [[w.cycles, w.orientation, w.phase, *([] if w.periodic else [False])] for w in self.waves],
        }

    @classmethod
    def from_spec(cls, spec: dict[str, Any]) -> "FourierLabels":
        """Build a generator from its `spec()`."""
        waves = tuple(_wave(spec, listed(spec, "waves", wave)) for wave in listed(spec, "waves"))
        return cls(class_count(spec), size_of(spec), intensity=finite(spec, "intensity"), waves=waves)

    @staticmethod
    def candidates(n: int, seed: int, image_size: tuple[int, int], kernel_size: int) -> tuple[Wave, ...]:
        """Draw N random waves to choose from, none finer or coarser than the kernel can see; see `random_waves`.

        Example:
            >>> waves = FourierLabels.candidates(20, 0, (32, 32), 3)
            >>> FourierLabels(20, (32, 32), waves=waves).num_classes
            20
        """
        return random_waves(n, seed, image_size, kernel_size)


def _wave(spec: dict[str, Any], wave: list[Any]) -> Wave:
    """Return a wave of a spec: cycles, orientation and phase, and False for a wave that is not periodic."""
    numbers, periodic = wave[:3], wave[3:] or [True]
    if len(numbers) < 3 or len(wave) > 4 or not isinstance(periodic[0], bool):
        raise ValueError(
            "labels of family 'fourier': waves must be lists of cycles, orientation, phase and, if it is not periodic, "
            f"false, got {wave!r:.80}"
        )
    cycles, orientation, phase = (finite(spec, "waves", number) for number in numbers)
    return Wave(cycles, orientation, phase, periodic[0])
