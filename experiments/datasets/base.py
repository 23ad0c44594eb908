"""What every loader returns, and the one error it raises."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from convff import ImageData


class DataError(ValueError):
    """Data that are missing or broken. The message names the place, what was found and what is allowed."""


@dataclass(frozen=True, eq=False)
class Dataset:
    """Training and test images of one data set.

    Args:
        train: images to learn from; their order is mixed across classes, so a slice can serve for validation.
        test: images to report on, of the same shape and with the same class names.
        source: where the data are from, in words, for the report.
        is_stand_in: whether the images were drawn by the package instead of real ones.
        held_out: how many of the last training images are to be held out; None leaves it to the recipe.
        notes: what was found and done to the images, in sentences.
        excluded: images that could not be read, each with its path and the reason.
        photographs: whether they are photographs that were made smaller.

    Raises:
        DataError: training and test images differ in shape or class names, or one of them is empty.

    Example:
        >>> import torch
        >>> one = ImageData(torch.zeros(1, 1, 8, 8, dtype=torch.uint8), torch.tensor([1]), ("a", "b"), "toy")
        >>> Dataset(one, one, source="made up", is_stand_in=False).train.shape
        (1, 8, 8)
    """

    train: ImageData
    test: ImageData
    source: str
    is_stand_in: bool
    held_out: int | None = None
    notes: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    photographs: bool = False

    def __post_init__(self) -> None:
        for split, data in (("training", self.train), ("test", self.test)):
            if not len(data):
                raise DataError(f"{data.name} ({self.source}): there are no {split} images; at least one is needed")
        if (self.train.shape, self.train.class_names) != (self.test.shape, self.test.class_names):
            raise DataError(
                f"{self.train.name} ({self.source}): training images are {self.train.shape} in "
                f"{self.train.num_classes} classes, test images {self.test.shape} in {self.test.num_classes}; "
                "shape and class names must be the same"
            )


@dataclass(frozen=True)
class Wanted:
    """How images of a folder are to be read.

    Args:
        image_size: height and width that all images get; None for one that suits them.
        skip: whether images that cannot be read are excluded; if not, they are an error.
    """

    image_size: tuple[int, int] | None = None
    skip: bool = False


Loader = Callable[[Path | None, bool], Dataset]
"""`(data_dir, require)` to a `Dataset`: the form of every row of `DATASETS`."""


@dataclass(frozen=True, eq=False)
class Splits:
    """Images read from one place, not yet named or checked against the requested data set.

    Args:
        train: uint8 images `[N, C, H, W]` and int64 classes `[N]`.
        test: the same for the test images.
        class_names: the names in the order of the class indices.
        what: which files these are, e.g. `"cifar10-jpeg.tar.xz"`.
        copy: how they differ from the original files, e.g. `"JPEG copy"`; empty for the originals.
        held_out, notes, excluded, photographs: as in `Dataset`.
    """

    train: tuple[Tensor, Tensor]
    test: tuple[Tensor, Tensor]
    class_names: tuple[str, ...]
    what: str
    copy: str = ""
    held_out: int | None = None
    notes: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    photographs: bool = False
