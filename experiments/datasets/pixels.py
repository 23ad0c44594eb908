"""Image files to pixels: one size, 8 bits, no more than can be meant; anything else is refused by its name."""

import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from convff import GRAY_MODES, MOST_PIXELS, PICTURE_FORMATS, OnDisk
from experiments.datasets.base import DataError

PLAIN_MODES = frozenset({"1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr"})
"""Of at most 8 bits per channel."""


@dataclass(frozen=True)
class ImageFile:
    """One image file, not yet read: its name for messages, how to get its bytes, and where it is if on disk."""

    name: str
    read: Callable[[], bytes]
    path: Path | None = None

    def open(self) -> IO[bytes]:
        """Open it for reading; on disk, the header can then be read alone."""
        return io.BytesIO(self.read()) if self.path is None else OnDisk(self.path).open()


@dataclass(frozen=True, order=True)
class Encoding:
    """How an image is stored: a format of `PICTURE_FORMATS`, and whether it keeps every pixel as it was."""

    format: str
    lossless: bool


def on_disk(path: Path) -> ImageFile:
    """Return the image file at a path. Reading it fails if it is no regular file, or too long."""
    return ImageFile(str(path), partial(_content, path), path)


def in_memory(name: str, content: bytes) -> ImageFile:
    """Return an image file whose bytes are already there.

    Example:
        >>> in_memory("photos.zip: train/cat/0.png", b"...").read()
        b'...'
    """
    return ImageFile(name, lambda: content)


def decode(files: Sequence[ImageFile], channels: int, found: set[Encoding]) -> Tensor:
    """Return images as uint8 `[N, channels, H, W]`.

    Args:
        files: at least one.
        channels: 1 (gray) or 3 (RGB).
        found: the encodings of the images are added.

    Raises:
        DataError: an image cannot be read, or has another size than the first one.
    """
    first = _pixels(files[0], channels, found)
    images = np.empty((len(files), *first.shape), np.uint8)
    for index, file in enumerate(files):
        pixels = _pixels(file, channels, found)
        if pixels.shape != first.shape:
            raise DataError(
                f"{file.name} is {_size(pixels)} pixels and {files[0].name} is {_size(first)}; "
                "all images must have the same size"
            )
        images[index] = pixels
    return torch.from_numpy(images).permute(0, 3, 1, 2).contiguous()


def as_stored(file: ImageFile, channels: int, found: set[Encoding]) -> Tensor:
    """Return one image as uint8 `[channels, H, W]`, neither turned nor resized; see `decode`.

    Raises:
        DataError: it cannot be read, or has more than 8 bits per channel.
    """
    return torch.from_numpy(_pixels(file, channels, found).transpose(2, 0, 1).copy())


def is_colour(file: ImageFile) -> bool:
    """Return whether an image has a colour mode; its pixels may still be gray."""
    with _opened(file) as (image, _):
        return image.mode not in GRAY_MODES


def _content(path: Path) -> bytes:
    with OnDisk(path).open() as file:
        return file.read()


def _size(pixels: np.ndarray) -> str:
    return f"{pixels.shape[1]} x {pixels.shape[0]}"


def _pixels(file: ImageFile, channels: int, found: set[Encoding]) -> np.ndarray:
    """Return one image as uint8 `[H, W, C]`."""
    with _opened(file) as (image, content):
        found.add(_encoding(image, content))
        # A palette may carry transparency, which Pillow drops cleanly only by way of RGBA.
        plain = image.convert("RGBA") if image.mode in ("P", "PA") else image
        mode = "L" if channels == 1 else "RGB"
        pixels = np.asarray(plain if plain.mode == mode else plain.convert(mode))
    return pixels.reshape(*pixels.shape[:2], channels)


@contextmanager
def _opened(file: ImageFile) -> Iterator[tuple[Image.Image, bytes]]:
    """Open the image of a file; any error while it is open becomes a `DataError` that names the file."""
    try:
        content = file.read()
        with Image.open(io.BytesIO(content), formats=PICTURE_FORMATS) as image:
            _check(image, content)
            yield image, content
    except Exception as error:  # Pillow raises a dozen kinds of exception for broken files
        # Pillow's own message names an object in memory.
        reason = "no known image format" if isinstance(error, UnidentifiedImageError) else error
        raise DataError(
            f"{file.name}: cannot be read as an image ({reason}); it must be a complete 8-bit gray or colour image of "
            f"at most {MOST_PIXELS // 1_000_000} megapixels, in one of the formats {', '.join(PICTURE_FORMATS)}"
        ) from error


def _check(image: Image.Image, content: bytes) -> None:
    """Raise a ValueError for an image that must not be decoded; so far only its header has been read."""
    if image.width * image.height > MOST_PIXELS:
        raise ValueError(f"{image.width:,} x {image.height:,} pixels")
    if image.mode not in PLAIN_MODES:
        raise ValueError(f"pixels of mode {image.mode}")
    if _bits(image, content) > 8:
        raise ValueError("more than 8 bits per channel")


def _bits(image: Any, content: bytes) -> int:
    """Return the bits per channel in the file: Pillow cuts colours of 16 bits to 8 without a word."""
    if image.format == "PNG":
        return content[24]
    if image.format == "TIFF":
        return int(np.max(image.tag_v2.get(258, 1)))
    if image.format == "PPM":
        codec, _, _, arguments = image.tile[0]
        return int(arguments[1]).bit_length() if codec.startswith("ppm") else 8
    return 8


def _encoding(image: Image.Image, content: bytes) -> Encoding:
    name = str(image.format)
    if name in ("JPEG", "MPO"):  # a camera's JPEG with a second picture behind the first
        return Encoding("JPEG", lossless=False)
    if name == "WEBP":
        return Encoding(name, _webp_is_lossless(content))
    packed = str(image.info.get("compression")) if name == "TIFF" else ""
    return Encoding(name, lossless="jpeg" not in packed and "webp" not in packed)


def _webp_is_lossless(content: bytes) -> bool:
    """Return whether the first chunk of pixels is a lossless one; chunks are a name, a length and the content."""
    start = 12
    while start + 8 <= len(content):
        name, length = content[start : start + 4], int.from_bytes(content[start + 4 : start + 8], "little")
        if name in (b"VP8 ", b"VP8L"):
            return name == b"VP8L"
        start += 8 + length + length % 2
    return False
