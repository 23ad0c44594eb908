"""Learned labels: one map per class as a channel beside the image, trained together with the first block."""

from typing import Any

import torch
from torch import Tensor, nn

from labels.base import check_labelled, spread
from labels.fields import class_count, field, size_of, whole
from labels.waves import fourier_set_1, wave_image

NOISE = 0.2  # width of the interval around 0.5 from which noise is drawn


class LearnedLabels:
    """Appends a learned label map of the class to the image, which itself is unchanged.

    The idea is from the Trifecta (Dooms et al. 2023). The local rule that trains the first block also trains its label
    maps: see `grads`, and `convff.training.trainable_labels` for the direction. Trained maps may leave [0, 1].

    Args:
        num_classes: number of classes.
        image_size: height and width.
        seed: seed of the noise; unused with waves.
        start: "waves" for Fourier set 1, which did better in a trial, or "noise" around 0.5.

    Raises:
        ValueError: an unknown `start`, or an image too small for one wave per class.

    Example:
        >>> labels = LearnedLabels(10, (32, 32))
        >>> labels(torch.rand(2, 3, 32, 32), torch.tensor([4, 9])).shape
        torch.Size([2, 4, 32, 32])

    Reference:
        Dooms et al. 2023, "The Trifecta". The initial maps and the closed form of their direction are ours.
    """

    def __init__(self, num_classes: int, image_size: tuple[int, int], seed: int = 0, *, start: str = "waves") -> None:
        self.num_classes = num_classes
        self.image_size = (image_size[0], image_size[1])
        self.seed = seed
        self.start = start
        self.maps = nn.Parameter(self._first_maps())  # (K, 1, H, W)

    def __call__(self, images: Tensor, classes: Tensor) -> Tensor:
        """See `labels.base.LabelGenerator`."""
        check_labelled(images, classes, self.num_classes)
        return self._stack(spread(images, classes), self._fitting(images)[classes])

    def parameters(self) -> list[nn.Parameter]:
        """Return the maps `[K, 1, H, W]`; a trainer may move them to another device."""
        return [self.maps]

    def grads(self, classes: Tensor, inputs: Tensor) -> list[Tensor]:
        """Return what an optimiser subtracts from the maps: for each map, the sum over the passes that carried it.

        Args:
            classes: int64 `[B, P]`, the label of each pass.
            inputs: `[B, P, C', H, W]`, what an optimiser would subtract from the labelled images.

        Returns:
            One tensor `[K, 1, H, W]`, for the maps; 0 for a class that no pass carried.

        Example:
            >>> inputs = torch.ones(1, 2, 4, 8, 8)
            >>> LearnedLabels(3, (8, 8)).grads(torch.tensor([[0, 2]]), inputs)[0].sum(dim=(1, 2, 3))
            tensor([64.,  0., 64.])
        """
        of_passes = inputs[:, :, -1:].flatten(0, 1)  # (B*P, 1, H, W)
        grad = torch.zeros_like(self.maps, requires_grad=False)
        return [grad.index_add_(0, classes.flatten(), of_passes.to(grad.dtype))]

    def bases(self, images: Tensor) -> Tensor:
        """Return the images with an empty label channel, `[B, C', H, W]`; see `summands`."""
        empty = torch.zeros_like(self._fitting(images)[:1])
        return self._stack(images, empty.expand(images.shape[0], -1, -1, -1))

    def summands(self, images: Tensor) -> Tensor:
        """Return the current maps beside a black image, `[K, C', H, W]`: base plus summand is the labelled image."""
        black = images.new_zeros(1, *images.shape[1:])
        return self._stack(black.expand(self.num_classes, -1, -1, -1), self._fitting(images))

    def neutral(self, images: Tensor) -> Tensor:
        """Return the images with the mean of all maps."""
        mean = self._fitting(images).mean(dim=0)
        return self._stack(images, mean.expand(images.shape[0], -1, -1, -1))

    def patterns(self, image: Tensor) -> Tensor:
        """Return the maps beside copies of the image, `[K, C', H, W]`."""
        return self._stack(image.expand(self.num_classes, -1, -1, -1), self._fitting(image[None]))

    def channels(self, image_channels: int) -> int:
        """Return the number of channels of the image, plus one."""
        return image_channels + 1

    def spec(self) -> dict[str, Any]:
        """Return JSON-ready arguments, with the maps if they have been trained: JSON keeps every float32 exactly."""
        spec: dict[str, Any] = {
            "family": "learned",
            "num_classes": self.num_classes,
            "image_size": list(self.image_size),
            "seed": self.seed,
            "start": self.start,
        }
        maps = self.maps.detach().cpu()
        return spec if torch.equal(maps, self._first_maps().to(maps)) else spec | {"maps": maps.tolist()}

    @classmethod
    def from_spec(cls, spec: dict[str, Any]) -> "LearnedLabels":
        """Build a generator from its `spec()`, with the maps of that time."""
        seed = whole(spec, "seed", field(spec, "seed"), -(2**63), 2**63 - 1)
        labels = cls(class_count(spec), size_of(spec), seed, start=field(spec, "start"))
        if "maps" in spec:
            try:
                maps = torch.tensor(spec["maps"], dtype=labels.maps.dtype)
            except (TypeError, ValueError, RuntimeError, OverflowError) as error:
                raise ValueError(f"labels of family 'learned': maps must be lists of numbers: {error}") from error
            if maps.shape != labels.maps.shape:
                raise ValueError(f"the maps are {list(maps.shape)}, but must be {list(labels.maps.shape)}")
            labels.maps = nn.Parameter(maps)
        return labels

    def _first_maps(self) -> Tensor:
        """Return the maps before any training, float32 `[K, 1, H, W]`."""
        if self.start == "waves":
            waves = fourier_set_1(self.num_classes, self.image_size)
            return torch.stack([wave_image(wave, *self.image_size) for wave in waves])[:, None]
        if self.start != "noise":
            raise ValueError(f"start must be 'noise' or 'waves', got {self.start!r}")
        drawn = torch.rand(self.num_classes, 1, *self.image_size, generator=torch.Generator().manual_seed(self.seed))
        return 0.5 + NOISE * (drawn - 0.5)

    def _fitting(self, images: Tensor) -> Tensor:
        """Return the current maps, without a graph, on the images' device and in their dtype."""
        size = tuple(images.shape[-2:])
        if size != self.image_size:
            raise ValueError(f"images must have the size of these labels, {self.image_size}, got {size}")
        return self.maps.detach().to(images)

    @staticmethod
    def _stack(images: Tensor, maps: Tensor) -> Tensor:
        return torch.cat([images, maps], dim=-3)
