"""Training data: batches of inputs and targets, and images held on one device as uint8."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

from convff.image_sources import of_arrays, of_dataset, of_folder, size_of
from convff.randomness import keyed_generator


class Batch(NamedTuple):
    """A batch of examples, on the device of the data.

    Args:
        inputs: float `[B, ...]`; images `[B, C, H, W]` in [0, 1].
        targets: int64 `[B]`; the classes of images.
    """

    inputs: Tensor
    targets: Tensor


class Data(Protocol):
    """Data to learn from, indexed by example: images with classes, or windows of a text."""

    @property
    def name(self) -> str:
        """The name of the data in every report."""
        ...

    @property
    def num_classes(self) -> int:
        """The number of different targets."""
        ...

    def __len__(self) -> int: ...

    def batch(self, indices: Tensor) -> Batch:
        """Return the examples at the indices, int64 `[B]`, which may be on any device."""
        ...


@dataclass(frozen=True, eq=False)
class ImageData:
    """Images with their classes, all in memory.

    A data set of this size (CIFAR-10: 154 MB) is moved to the device once. Batches are cut there, so
    there are no loader processes whose number or timing could change a run.

    Args:
        images: uint8 `[N, C, H, W]`.
        classes: int64 `[N]`, each in `[0, len(class_names))`.
        class_names: the names, in the order of the class indices.
        name: the name of the data in every report, e.g. `"MNIST"`.
        superclasses: the superclass of each class, indices 0 to S - 1 in the order of the class names; None if there
            are none.

    Raises:
        TypeError: images are not uint8 or classes not int64.
        ValueError: shapes disagree, a class index has no name, or the superclasses are not one index for each class,
            with none missing from 0 to S - 1.

    Example:
        >>> data = ImageData(torch.zeros(4, 1, 8, 8, dtype=torch.uint8), torch.tensor([0, 1, 0, 1]), ("a", "b"), "toy")
        >>> len(data), data.shape
        (4, (1, 8, 8))
    """

    images: Tensor
    classes: Tensor
    class_names: tuple[str, ...]
    name: str
    superclasses: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        if self.images.dtype != torch.uint8 or self.classes.dtype != torch.int64:
            raise TypeError(
                f"{self.name}: images must be uint8 and classes int64, got {self.images.dtype} and {self.classes.dtype}"
            )
        if self.images.ndim != 4 or self.classes.shape != self.images.shape[:1]:
            raise ValueError(
                f"{self.name}: images must be [N, C, H, W] and classes [N], "
                f"got {list(self.images.shape)} and {list(self.classes.shape)}"
            )
        if len(self.classes) and not 0 <= int(self.classes.min()) <= int(self.classes.max()) < len(self.class_names):
            raise ValueError(
                f"{self.name}: class indices run from {int(self.classes.min())} to {int(self.classes.max())}, "
                f"but there are names for {len(self.class_names)} classes"
            )
        if self.superclasses is not None:
            check_superclasses(self.superclasses, len(self.class_names))

    def __len__(self) -> int:
        return len(self.images)

    @classmethod
    def from_arrays(
        cls,
        images: Any,
        labels: Any,
        class_names: Sequence[str] | None = None,
        *,
        name: str = "arrays",
        layout: str | None = None,
    ) -> "ImageData":
        """Take images and labels from arrays or tensors.

        uint8 images are not copied: those of `np.load(path, mmap_mode="r")` stay on disk, and batches are read from
        there. Floats become uint8, in memory.

        Args:
            images: uint8, or float in [0, 1]: `[N, H, W]`, `[N, H, W, C]` or `[N, C, H, W]`.
            labels: `[N]`, whole numbers from 0 on, or names.
            class_names: the names in the order of the classes; by default those in `labels`, sorted, or the numbers.
            name: the name of the data in every report.
            layout: `"NHWC"` or `"NCHW"`. By default the axis with 1 or 3 entries is that of the channels.

        Raises:
            TypeError: images are neither uint8 nor float, or labels neither numbers nor names.
            ValueError: shapes disagree; it is not clear which axis is that of the channels; floats outside [0, 1].

        Example:
            >>> import numpy as np
            >>> ImageData.from_arrays(np.zeros((4, 8, 6, 3)), ["cat", "dog", "cat", "dog"]).shape
            (3, 8, 6)
        """
        return cls(*of_arrays(images, labels, class_names, layout), name)

    @classmethod
    def from_dataset(
        cls,
        dataset: Any,
        class_names: Sequence[str] | None = None,
        *,
        image_size: int | tuple[int, int] | None = None,
        name: str | None = None,
    ) -> "ImageData":
        """Read a data set of torchvision, Hugging Face or PyTorch: whatever has a length and rows by number.

        Args:
            dataset: rows are `(image, label)`, or have the keys `image` or `img`, and `label`, `labels` or
                `fine_label`. An image is a Pillow image, an array as in `from_arrays`, or a tensor `[C, H, W]`.
            class_names: the names in the order of the classes; by default those that the data set knows.
            image_size: each Pillow image is cut to its middle and resized to this height and width; N for N x N.
            name: the name of the data in every report; by default the name of the data set's class.

        Raises:
            TypeError, ValueError: a row is none of these; sizes differ without `image_size`; or as in `from_arrays`.

        Example:
            >>> from torch.utils.data import TensorDataset
            >>> data = ImageData.from_dataset(TensorDataset(torch.rand(4, 1, 8, 8), torch.tensor([0, 1, 0, 1])))
            >>> data.shape, data.class_names, data.name
            ((1, 8, 8), ('0', '1'), 'TensorDataset')
        """
        return cls(*of_dataset(dataset, class_names, size_of(image_size)), name or type(dataset).__name__)

    @classmethod
    def from_folder(cls, path: Path | str, image_size: int | tuple[int, int] | None = None) -> "ImageData":
        """Read `path/CLASS/*`: pictures turned as their EXIF data say, gray if all of them are, else RGB.

        Args:
            path: holds a folder for each class. Files are read in the order of their names.
            image_size: each picture is cut to its middle and resized to this height and width; N for N x N.

        Raises:
            PictureError: files cannot be read; the message names them.
            ValueError: there are no two classes, or one has no picture; or sizes differ and `image_size` is not given.

        Example:
            >>> ImageData.from_folder("no/such/folder")
            Traceback (most recent call last):
            ...
            ValueError: no/such/folder must hold two or more folders of pictures, one for each class, got 0
        """
        return cls(*of_folder(Path(path), size_of(image_size)), f"image folder {Path(path).name}")

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of one image."""
        _, channels, height, width = self.images.shape
        return channels, height, width

    @property
    def num_classes(self) -> int:
        """The number of classes."""
        return len(self.class_names)

    def batch(self, indices: Tensor) -> Batch:
        """Return images in [0, 1] and their classes, at the indices int64 `[B]`, on the device of the data."""
        indices = indices.to(self.images.device)
        return Batch(as_floats(self.images[indices]), self.classes[indices])

    def to(self, device: torch.device | str) -> "ImageData":
        """Return the same data on another device."""
        return replace(self, images=self.images.to(device), classes=self.classes.to(device))

    def part(self, start: int | None, stop: int | None) -> "ImageData":
        """Return the images from `start` to `stop`, as a slice does."""
        return replace(self, images=self.images[start:stop], classes=self.classes[start:stop])


def check_superclasses(superclasses: tuple[int, ...], num_classes: int) -> int:
    """Return the number S of superclasses, given the superclass of each class.

    Raises:
        ValueError: there is not one index for each class, or one from 0 to the largest is missing.

    Example:
        >>> check_superclasses((0, 1, 0), num_classes=3)
        2
    """
    found = set(superclasses)
    if len(superclasses) != num_classes or found != set(range(len(found))):
        raise ValueError(
            f"superclasses must be an index for each of {num_classes} classes, and use each from 0 on, "
            f"got {len(superclasses)}: {sorted(found)}"
        )
    return len(found)


def as_floats(images: Tensor) -> Tensor:
    """Return uint8 images `[B, C, H, W]` as float32 in [0, 1], channels last in memory.

    Example:
        >>> as_floats(torch.full((1, 1, 2, 2), 255, dtype=torch.uint8)).max()
        tensor(1.)
    """
    return images.to(torch.float32, memory_format=torch.channels_last).div_(255)


def epoch_batches(size: int, batch_size: int, *, seed: int, epoch: int) -> Iterator[Tensor]:
    """Yield the index batches of one epoch: every index once, in an order fixed by `(seed, epoch)` alone.

    The last, smaller batch is kept unless it holds a single image (batch norm needs two).

    Example:
        >>> [len(batch) for batch in epoch_batches(5, 2, seed=0, epoch=0)]
        [2, 2]
        >>> sorted(torch.cat(list(epoch_batches(6, 4, seed=0, epoch=0))).tolist())
        [0, 1, 2, 3, 4, 5]
    """
    order = torch.randperm(size, generator=keyed_generator(seed, "order", epoch))
    for batch in order.split(batch_size):
        if len(batch) > 1:
            yield batch
