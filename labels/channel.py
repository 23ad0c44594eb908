"""Channel labels: the label in channels of its own, beside the image."""

from typing import Any

import torch
from torch import Tensor

from labels.base import PatternBank, check_labelled, spread
from labels.fields import class_count, field, size_of, whole
from labels.waves import fourier_set_1, wave_image

MOST_PLANES = 10_000


def code_words(num_classes: int, count: int, seed: int = 0) -> Tensor:
    """Draw a code word of each class, `1/2 + w`: w has random signs, or all w are orthogonal if there are K planes.

    Args:
        num_classes: number of classes K.
        count: number of planes M.
        seed: of the draw.

    Returns:
        float32 `[K, M]` in [0, 1]: different words.

    Raises:
        ValueError: too many planes, or fewer than K different words of M bits.

    Example:
        >>> sorted(code_words(4, 2).tolist())
        [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]
        >>> w = code_words(3, 4) - 0.5
        >>> products = w @ w.T
        >>> torch.allclose(products, products.diagonal().diag(), atol=1e-6)
        True
    """
    least = max(1, (num_classes - 1).bit_length())
    if not least <= count <= MOST_PLANES:
        raise ValueError(f"{num_classes} classes need {least} to {MOST_PLANES} planes of code words, got {count}")
    generator = torch.Generator().manual_seed(seed)
    if count >= num_classes:
        basis, _ = torch.linalg.qr(torch.randn(count, num_classes, generator=generator, dtype=torch.float64))
        words: Tensor = 0.5 + basis.T / (2 * basis.abs().max())
        return words.float()
    drawn: dict[tuple[int, ...], None] = {}  # in the order of the draw
    while len(drawn) < num_classes:
        drawn[tuple(torch.randint(2, (count,), generator=generator).tolist())] = None
    return torch.tensor(list(drawn), dtype=torch.float32)


class ChannelLabels:
    """Appends label channels to the image, which itself is unchanged.

    Either K one-hot planes (the plane of the class is 1, the others 0), or one plane with the class's wave, or M planes
    with a fixed code word per class (see `code_words`), for many classes. The idea of a label plane beside the image
    is from the Trifecta (Dooms et al. 2023), where the plane is learned.

    Args:
        num_classes: number of classes.
        image_size: height and width.
        planes: "onehot", "fourier" or "codes".
        count: number of planes M of code words; None for the other planes.
        seed: of the code words.

    Raises:
        ValueError: unknown `planes`, a `count` without code words or the other way round, fewer different code words
            than classes, or an image too small for one wave per class.

    Example:
        >>> labels = ChannelLabels(10, (32, 32))
        >>> labels(torch.rand(2, 3, 32, 32), torch.tensor([4, 9])).shape
        torch.Size([2, 13, 32, 32])
    """

    def __init__(
        self,
        num_classes: int,
        image_size: tuple[int, int],
        *,
        planes: str = "onehot",
        count: int | None = None,
        seed: int = 0,
    ) -> None:
        if planes not in ("onehot", "fourier", "codes"):
            raise ValueError(f"planes must be 'onehot', 'fourier' or 'codes', got {planes!r}")
        if (planes == "codes") != (count is not None):
            raise ValueError(f"count must be the number of planes of code words, and of no others, got {count}")
        self.num_classes = num_classes
        self.image_size = (image_size[0], image_size[1])
        self.planes, self.count, self.seed = planes, count, seed
        if count is not None:
            drawn = code_words(num_classes, count, seed)[:, :, None, None]  # (K, M, 1, 1)
        elif planes == "onehot":
            drawn = torch.eye(num_classes)[:, :, None, None]  # (K, K, 1, 1)
        else:
            waves = [wave_image(wave, *self.image_size) for wave in fourier_set_1(num_classes, self.image_size)]
            drawn = torch.stack(waves)[:, None]  # (K, 1, H, W)
        self._bank = PatternBank(drawn, self.image_size)

    def __call__(self, images: Tensor, classes: Tensor) -> Tensor:
        """See `labels.base.LabelGenerator`."""
        check_labelled(images, classes, self.num_classes)
        return self._stack(spread(images, classes), self._bank.fitting(images)[classes])

    def constant_planes(self, images: Tensor, classes: Tensor) -> Tensor | None:
        """Return the values of the planes, `[..., M]` for classes `[...]`; None if they differ over the image.

        Example:
            >>> ChannelLabels(3, (8, 8)).constant_planes(torch.rand(1, 1, 8, 8), torch.tensor([[0, 2]])).tolist()
            [[[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]]
        """
        check_labelled(images, classes, self.num_classes)
        planes = self._bank.fitting(images)
        return planes[:, :, 0, 0][classes] if planes.shape[2:] == (1, 1) else None

    def bases(self, images: Tensor) -> Tensor:
        """Return the images with empty label planes, `[B, C', H, W]`; see `summands`."""
        empty = torch.zeros_like(self._bank.fitting(images)[:1])
        return self._stack(images, empty.expand(images.shape[0], -1, -1, -1))

    def summands(self, images: Tensor) -> Tensor:
        """Return the label planes beside a black image, `[K, C', H, W]`: base plus summand is the labelled image."""
        black = images.new_zeros(1, *images.shape[1:])
        return self._stack(black.expand(self.num_classes, -1, -1, -1), self._bank.fitting(images))

    def neutral(self, images: Tensor) -> Tensor:
        """Return the images with the mean of all label planes (1/K in each one-hot plane)."""
        mean = self._bank.fitting(images).mean(dim=0)
        return self._stack(images, mean.expand(images.shape[0], -1, -1, -1))

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
        } | ({} if self.count is None else {"count": self.count, "seed": self.seed})

    @classmethod
    def from_spec(cls, spec: dict[str, Any]) -> "ChannelLabels":
        """Build a generator from its `spec()`."""
        codes: dict[str, Any] = {}
        if "count" in spec:
            codes = {
                "count": whole(spec, "count", spec["count"], 1, MOST_PLANES),
                "seed": whole(spec, "seed", field(spec, "seed"), -(2**63), 2**63 - 1),
            }
        return cls(class_count(spec), size_of(spec), planes=field(spec, "planes"), **codes)

    @staticmethod
    def _stack(images: Tensor, planes: Tensor) -> Tensor:
        planes = planes.expand(*images.shape[:-3], -1, *images.shape[-2:])
        return torch.cat([images, planes], dim=-3)
