"""Images of other libraries as uint8 `[N, C, H, W]` with classes and names: the bodies of `ImageData.from_...`."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from warnings import catch_warnings

import numpy as np
import torch
from torch import Tensor

from convff.picture_files import (
    GRAY_MODES,
    class_folders,
    first_of,
    one_size,
    picture_header,
    pictures_in,
    read_each,
    stack_pictures,
)
from convff.pictures import ROUNDING, PictureError, read_picture

Labelled = tuple[Tensor, Tensor, tuple[str, ...]]
"""Images uint8 `[N, C, H, W]`, classes int64 `[N]` and class names."""

LAYOUTS = ("NHWC", "NCHW")
CHANNELS = (1, 3)
IMAGE_KEYS = ("image", "img")
LABEL_KEYS = ("label", "labels", "fine_label")


def of_arrays(images: Any, labels: Any, class_names: Sequence[str] | None, layout: str | None) -> Labelled:
    """Return the parts of `ImageData.from_arrays`, which says what it takes and raises."""
    return as_bytes(channels_first(images, layout)), *classes_of(labels, len(images), class_names)


def channels_first(images: Any, layout: str | None) -> Tensor:
    """Return images `[N, H, W]`, `[N, H, W, C]` or `[N, C, H, W]` as a view `[N, C, H, W]`.

    Args:
        images: an array or a tensor.
        layout: "NHWC" or "NCHW"; None if the axis with 1 or 3 entries is that of the channels.

    Raises:
        ValueError: another number of axes, or it is not clear which axis is that of the channels.

    Example:
        >>> channels_first(np.zeros((5, 8, 6, 3)), None).shape
        torch.Size([5, 3, 8, 6])
    """
    with catch_warnings(action="ignore", category=UserWarning):  # a file that is mapped for reading is never written to
        tensor = torch.as_tensor(images)
    if tensor.ndim == 3:
        return tensor[:, None]
    if tensor.ndim != 4:
        raise ValueError(f"images must be [N, H, W], [N, H, W, C] or [N, C, H, W], got {list(tensor.shape)}")
    if layout is None:
        fits = {"NHWC": tensor.shape[3] in CHANNELS, "NCHW": tensor.shape[1] in CHANNELS}
        found = [name for name, fit in fits.items() if fit]
        if len(found) != 1:
            why = "both axes have" if found else "no axis has"
            raise ValueError(
                f"layout must be given, NHWC or NCHW, for images {list(tensor.shape)}: {why} 1 or 3 entries, as "
                "channels have"
            )
        layout = found[0]
    if layout not in LAYOUTS:
        raise ValueError(f"layout must be NHWC or NCHW, got {layout!r}")
    return tensor.permute(0, 3, 1, 2) if layout == "NHWC" else tensor


def as_bytes(images: Tensor) -> Tensor:
    """Return images as uint8: unchanged, without a copy, or rounded from floats in [0, 1].

    Raises:
        TypeError: they are neither.
        ValueError: floats outside [0, 1].

    Example:
        >>> as_bytes(torch.ones(1, 1, 1, 1)).item()
        255
    """
    if images.dtype == torch.uint8:
        return images
    if not images.is_floating_point():
        raise TypeError(f"images must be uint8, or float in [0, 1], got {images.dtype}")
    low, high = (float(each) for each in images.aminmax()) if images.numel() else (0.0, 0.0)
    if not (low >= -ROUNDING and high <= 1 + ROUNDING):
        raise ValueError(f"float images must be in [0, 1], got values from {low:g} to {high:g}: give uint8")
    return images.clamp(0, 1).mul(255).round().to(torch.uint8)


def classes_of(labels: Any, count: int, class_names: Sequence[str] | None) -> tuple[Tensor, tuple[str, ...]]:
    """Return classes int64 `[N]` and class names.

    Args:
        labels: whole numbers from 0 on, or names.
        count: number of images.
        class_names: the names in the order of the classes; None for the names in `labels`, sorted, or the numbers.

    Raises:
        TypeError: labels are neither whole numbers nor strings.
        ValueError: there is not one for each image, or one has no name.

    Example:
        >>> classes_of(["dog", "cat"], 2, None)
        (tensor([1, 0]), ('cat', 'dog'))
    """
    values = labels.cpu().numpy() if isinstance(labels, Tensor) else np.asarray(labels)
    if values.shape != (count,):
        raise ValueError(f"labels must be one for each of {count} images, got {list(values.shape)}")
    if values.dtype.kind in "UO" and all(isinstance(value, str) for value in values):
        names = tuple(class_names or sorted({str(value) for value in values}))
        if unknown := sorted({str(value) for value in values} - set(names)):
            raise ValueError(f"class_names must hold every label, but not {', '.join(unknown)}")
        return torch.tensor([names.index(value) for value in values], dtype=torch.int64), names
    if values.dtype.kind not in "iu":
        raise TypeError(f"labels must be whole numbers or names, got {values.dtype}")
    classes = torch.from_numpy(values.astype(np.int64))
    if count and int(classes.min()) < 0:
        raise ValueError(f"labels must be 0 or more, got {int(classes.min())}")
    most = int(classes.max()) + 1 if count else 0
    return classes, tuple(class_names) if class_names is not None else tuple(map(str, range(most)))


def of_dataset(dataset: Any, class_names: Sequence[str] | None, image_size: tuple[int, int] | None) -> Labelled:
    """Return the parts of `ImageData.from_dataset`, which says what it takes and raises."""
    images: list[Tensor] = []
    labels: list[Any] = []
    for index in range(len(dataset)):
        image, label = _row(dataset[index], index)
        images.append(_one_image(image, image_size))  # at once: photographs are much larger than what is kept of them
        labels.append(label.item() if hasattr(label, "item") else label)
    if not images:
        raise ValueError("the data set must hold at least one image, got none")
    sizes = {(image.shape[1], image.shape[2]) for image in images}
    if len(sizes) > 1:
        raise ValueError(_asked_for_a_size(sizes))
    most = max(len(image) for image in images)
    stacked = torch.stack([image.expand(most, -1, -1) if len(image) == 1 else image for image in images])
    return stacked, *classes_of(labels, len(images), class_names or _names_of(dataset))


def _row(row: Any, index: int) -> tuple[Any, Any]:
    """Return image and label of a row: a mapping, or a sequence that begins with them."""
    if hasattr(row, "keys"):
        image = next((row[key] for key in IMAGE_KEYS if key in row), None)
        label = next((row[key] for key in LABEL_KEYS if key in row), None)
        if image is None or label is None:
            raise ValueError(
                f"row {index} must have a key of {', '.join(IMAGE_KEYS)} and one of {', '.join(LABEL_KEYS)}, got "
                f"{', '.join(map(str, row))}"
            )
        return image, label
    if not isinstance(row, Sequence) or isinstance(row, str) or len(row) < 2:
        raise TypeError(f"row {index} must be an image and its label, got {type(row).__name__}")
    return row[0], row[1]


def _names_of(dataset: Any) -> Sequence[str] | None:
    """Return the class names that a data set of torchvision or Hugging Face knows."""
    features = getattr(dataset, "features", None)
    if isinstance(features, dict):
        named = (getattr(features.get(key), "names", None) for key in LABEL_KEYS)
        return next((names for names in named if names), None)
    return getattr(dataset, "classes", None)


def _one_image(image: Any, image_size: tuple[int, int] | None) -> Tensor:
    """Return a Pillow image, array or tensor as uint8 `[C, H, W]`; a tensor's first axis is that of the channels."""
    from PIL import Image  # noqa: PLC0415 (most users of the package read no file)

    if isinstance(image, Image.Image):
        height, width = image_size or image.size[::-1]
        return read_picture(image, (1 if image.mode in GRAY_MODES else 3, height, width))
    if getattr(image, "ndim", 0) not in (2, 3):
        raise TypeError(f"images must be Pillow images, arrays or tensors of one image, got {type(image).__name__}")
    if image_size is not None:
        raise ValueError("image_size is for Pillow images: arrays and tensors are never resized")
    if isinstance(image, Tensor) and image.ndim == 3:
        return as_bytes(image)
    return as_bytes(channels_first(np.asarray(image)[None], None))[0]


def _asked_for_a_size(sizes: Iterable[tuple[int, int]]) -> str:
    ordered = sorted(sizes, key=lambda size: size[0] * size[1])
    least, most = (f"{width} x {height}" for height, width in (ordered[0], ordered[-1]))
    return (
        f"image_size must be given, such as 64: the images have {len(ordered)} sizes, from {least} to {most} pixels; "
        "each is cut to its middle and resized"
    )


def of_folder(folder: Path, image_size: tuple[int, int] | None) -> Labelled:
    """Return the parts of `ImageData.from_folder`, which says what it takes and raises."""
    classes = class_folders(folder)
    held = [pictures_in(place) for place in classes]
    if len(classes) < 2 or not all(held):
        empty = ", ".join(place.name for place, files in zip(classes, held, strict=True) if not files)
        found = f"no pictures in {empty}" if empty else f"{len(classes)}"
        raise ValueError(f"{folder} must hold two or more folders of pictures, one for each class, got {found}")
    files = [file for group in held for file in group]
    read, problems = read_each(files, picture_header)
    _stop_on(problems)
    headers = [header for _, header in read]
    size = image_size or one_size(headers)
    if size is None:
        raise ValueError(_asked_for_a_size({(header.height, header.width) for header in headers}))
    shape = (1 if all(header.gray for header in headers) else 3, *size)
    images, problems = stack_pictures(files, shape, lambda file: read_picture(file, shape))
    _stop_on(problems)
    counts = torch.tensor([len(group) for group in held])
    return images, torch.arange(len(held)).repeat_interleave(counts), tuple(place.name for place in classes)


def _stop_on(problems: Mapping[int, str]) -> None:
    if problems:
        raise PictureError(first_of(problems.values()))


def size_of(image_size: Any) -> tuple[int, int] | None:
    """Return height and width of `N` or `(H, W)`; None for None.

    Raises:
        ValueError: it is something else.

    Example:
        >>> size_of(64), size_of((48, 64))
        ((64, 64), (48, 64))
    """
    if image_size is None:
        return None
    sides: Iterator[Any] = iter((image_size, image_size) if isinstance(image_size, int) else tuple(image_size))
    found = tuple(sides)
    if len(found) != 2 or not all(isinstance(side, int) and not isinstance(side, bool) and side > 0 for side in found):
        raise ValueError(f"image_size must be a number of pixels, or height and width, got {image_size!r}")
    return found
