"""Fourier labels: each class is a wave of its own orientation and frequency (Scodellaro et al. 2025, Methods)."""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from labels.base import PatternBank, check_intensity, check_labelled, spread

ORIENTATIONS = (0.0, 45.0, 90.0, 135.0)


@dataclass(frozen=True)
class Wave:
    """One wave.

    Args:
        cycles: whole cycles over the image along the direction of travel's axis.
        orientation: direction of travel in degrees; 0 runs along x (columns), 90 along y (rows).
        phase: in degrees; 0 is a sine that starts in the upper left corner.
    """

    cycles: int
    orientation: float
    phase: float = 0.0


def fourier_set_1(num_classes: int, image_size: tuple[int, int]) -> tuple[Wave, ...]:
    """The label set "1": sines of 1, 2, 3, ... cycles, each in four orientations; then the same as cosines.

    The paper's supplement, which defines its sets, is not public: this is our reconstruction, and agrees with two
    independent ones. Twelve classes use three frequencies; images of 32 x 32 have room for 120 classes.

    Raises:
        ValueError: the image is too small for so many waves.

    Example:
        >>> fourier_set_1(5, (32, 32))[-1]
        Wave(cycles=2, orientation=0.0, phase=0.0)
    """
    finest = (min(image_size) - 1) // 2
    waves = tuple(
        Wave(cycles, orientation, phase)
        for phase in (0.0, 90.0)
        for cycles in range(1, finest + 1)
        for orientation in ORIENTATIONS
    )
    if num_classes > len(waves):
        raise ValueError(f"images of {image_size} have room for {len(waves)} waves of set 1, not for {num_classes}")
    return waves[:num_classes]


def wave_image(wave: Wave, height: int, width: int) -> Tensor:
    """A wave as a float32 image `[H, W]` in [0, 1]: `1/2 + 1/2 sin(2 pi f (x cos a + y sin a) + phase)`.

    x and y run over a periodic grid, 0 to 1 without the 1, so that whole cycles are exactly orthogonal. Along
    a diagonal the wave makes `cycles` over each side (`cos a` and `sin a` are rounded up to +-1): a diagonal wave
    of a fractional number of cycles would be neither periodic nor orthogonal to the others.

    Raises:
        ValueError: the wave has two pixels a cycle or fewer; at two, a sine is 0 at every pixel.

    Example:
        >>> wave_image(Wave(1, 0.0), 4, 4)[0]
        tensor([0.5000, 1.0000, 0.5000, 0.0000])
    """
    along_x, along_y = _whole_cycles(wave)
    for cycles, size, side in ((along_x, width, "wide"), (along_y, height, "high")):
        if 2 * abs(cycles) >= size:
            raise ValueError(
                f"{abs(cycles)} cycles need an image more than {2 * abs(cycles)} pixels {side}, not {size}"
            )
    x = torch.arange(width, dtype=torch.float64) / width
    y = torch.arange(height, dtype=torch.float64) / height
    phase = 2 * math.pi * (along_x * x[None, :] + along_y * y[:, None]) + math.radians(wave.phase)
    return (0.5 + 0.5 * torch.sin(phase)).float()


def _whole_cycles(wave: Wave) -> tuple[int, int]:
    """Cycles along x and along y."""
    angle = math.radians(wave.orientation)
    cosine, sine = round(math.cos(angle), 9), round(math.sin(angle), 9)
    largest = max(abs(cosine), abs(sine))
    return round(wave.cycles * cosine / largest), round(wave.cycles * sine / largest)


class FourierLabels:
    """Mixes the wave of a class into the image: `z = (1 - K) image + K wave`, the same wave in every channel.

    Args:
        num_classes: number of classes.
        image_size: height and width.
        intensity: the paper's K, the label's share of the intensity, in [0, 1]: 0.35 for MNIST, 0.30 for CIFAR.
        waves: one a class; `fourier_set_1` if left out.

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
            raise ValueError(f"{num_classes} classes need as many waves, but only {len(self.waves)} are given")
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

    def parts(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Bases `(1 - K) image` `[B, C, H, W]` and patterns `K wave` `[classes, C, H, W]`: their sums are the labelled images."""  # noqa: E501
        waves = self._bank.fitting(images)[:, None].expand(-1, images.shape[1], -1, -1)
        return images * (1 - self.intensity), waves * self.intensity

    def neutral(self, images: Tensor) -> Tensor:
        """The image with the mean of all waves: `(1 - K) image + K mean(waves)`. The choice is ours."""
        mean = self._bank.fitting(images).mean(dim=0)
        return torch.lerp(images, mean.expand_as(images), self.intensity)

    def patterns(self, image: Tensor) -> Tensor:
        """The waves themselves, `[K, C, H, W]`."""
        return self._bank.fitting(image[None])[:, None].expand(-1, image.shape[0], -1, -1)

    def channels(self, image_channels: int) -> int:
        """As many channels as the image has."""
        return image_channels

    def spec(self) -> dict[str, Any]:
        """JSON-ready arguments."""
        return {
            "family": "fourier",
            "num_classes": self.num_classes,
            "image_size": list(self.image_size),
            "intensity": self.intensity,
            "waves": [[w.cycles, w.orientation, w.phase] for w in self.waves],
        }

    @classmethod
    def from_spec(cls, spec: dict[str, Any]) -> "FourierLabels":
        """Build the generator that gave `spec`."""
        height, width = spec["image_size"]
        waves = tuple(Wave(*wave) for wave in spec["waves"])
        return cls(spec["num_classes"], (height, width), intensity=spec["intensity"], waves=waves)
