"""Pictures to pixels of a network's size: files and Pillow images, as people have them.

A picture is turned as its EXIF data say, cut to the middle part of the network's shape and resized, with antialiasing;
one that has the size already keeps every pixel. What is transparent shows white. 16 bits become 8. A JPEG that is much
larger than asked for is decoded at a half, a quarter or an eighth of its sides, which takes a fraction of the memory.
"""

import math
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor

if TYPE_CHECKING:
    from PIL.Image import Image

# Told from the content, whatever the name. Pillow knows more formats, and starts other programs for some of them.
PICTURE_FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
SUFFIXES = frozenset({".bmp", ".gif", ".jpg", ".jpeg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"})
MOST_PIXELS = 89_000_000  # Pillow warns of more
MOST_OF_JPEG = 256_000_000  # which is decoded at a fraction of its sides
FINER = 4  # a JPEG is decoded at a fraction that leaves this many times the pixels per side that are asked for
JPEG_START = b"\xff\xd8\xff"
SIXTEEN_BITS = 257  # 65535 / 255
ROUNDING = 1e-5  # by which a float image may leave [0, 1]


class PictureError(ValueError):
    """A picture that cannot be read; the message names the file."""


class PictureFile(Protocol):
    """A file that holds a picture, on disk or in memory."""

    @property
    def name(self) -> str:
        """What messages call it."""
        ...

    def open(self) -> IO[bytes]:
        """Open it for reading."""
        ...


def read_picture(source: "Path | str | PictureFile | Image", shape: tuple[int, int, int]) -> Tensor:
    """Return a picture as input of a network: uint8 `[C, H, W]`.

    Args:
        source: a file, or a Pillow image.
        shape: C (1 for gray, 3 for RGB), H and W.

    Raises:
        PictureError: the file is missing, cut short, or no picture; it has more pixels than Pillow's limit, or as a
            JPEG 256 megapixels; its pixels are of an unknown kind; or C is neither 1 nor 3.

    Example:
        >>> from PIL import Image
        >>> read_picture(Image.new("RGBA", (40, 20)), (1, 8, 8)).unique()  # transparent
        tensor([255], dtype=torch.uint8)
    """
    channels, height, width = shape
    if channels not in (1, 3):
        raise PictureError(
            f"{_name(source)}: a picture has 1 or 3 channels, but the network takes {channels}: give a tensor"
        )
    with opened(source) as image:
        if image is not source:
            _decode_a_fraction(image, max(height, width))
        return _pixels(image, channels, (width, height))


@contextmanager
def opened(source: "Path | str | PictureFile | Image") -> "Iterator[Image]":
    """Open a picture, of which only the header is read; any error while it is open is a `PictureError`.

    Args:
        source: a file, or a Pillow image, which is given as it is.

    Raises:
        PictureError: the file cannot be read, or has too many pixels.
    """
    from PIL import Image, UnidentifiedImageError  # noqa: PLC0415 (most users of the package read no file)

    try:
        if isinstance(source, Image.Image):
            yield source
        else:
            with _open(source) as file, _image_of(file) as image:
                yield image
    except FileNotFoundError as error:
        raise PictureError(f"{_name(source)} cannot be read: there is no such file") from error
    except Exception as error:  # Pillow raises a dozen kinds of exception for broken files
        # Pillow's own message names an object in memory.
        reason = "no known image format" if isinstance(error, UnidentifiedImageError) else error
        raise PictureError(f"{_name(source)} cannot be read as an image: {reason}") from error


def _open(source: Path | str | PictureFile) -> IO[bytes]:
    return open(source, "rb") if isinstance(source, str | os.PathLike) else source.open()


def _name(source: "Path | str | PictureFile | Image") -> str:
    return str(source) if isinstance(source, str | os.PathLike) else getattr(source, "name", "the image")


def _image_of(file: IO[bytes]) -> "Image":
    """Return the image of an open file.

    Raises:
        ValueError: it has too many pixels.
    """
    from PIL import Image, JpegImagePlugin  # noqa: PLC0415

    start = file.read(len(JPEG_START))
    file.seek(0)
    # `Image.open` refuses what it could not decode as a whole, but a JPEG can be decoded at a fraction of its sides.
    image: Image.Image
    if start == JPEG_START:
        image = JpegImagePlugin.JpegImageFile(file)
        most = MOST_PIXELS if image.info.get("progressive") else MOST_OF_JPEG  # that kind takes memory for all pixels
    else:
        image, most = Image.open(file, formats=PICTURE_FORMATS), MOST_PIXELS
    if image.width * image.height > most:
        raise ValueError(f"it has {image.width:,} x {image.height:,} pixels; at most {most:,} are read")
    return image


def _decode_a_fraction(image: "Image", side: int) -> None:
    """Let a JPEG be decoded at the smallest fraction of its sides that leaves `FINER * side` pixels.

    Raises:
        ValueError: it would still have too many pixels.
    """
    if image.format == "JPEG" and min(image.size) >= 2 * FINER * side:
        image.draft(image.mode, (FINER * side, FINER * side))
    if image.width * image.height > MOST_PIXELS:
        raise ValueError(f"it has {image.width:,} x {image.height:,} pixels; at most {MOST_PIXELS:,} are read")


def image_batch(images: Any, shape: tuple[int, int, int]) -> Tensor:
    """Return images of any kind as one batch: uint8, or float32 in [0, 1], `[N, C, H, W]`.

    Args:
        images: a tensor or array `[N, C, H, W]`, or `[N, H, W]` for one channel, uint8 or float in [0, 1]; or files or
            Pillow images, one or several, which are brought to the shape. An iterator is read to its end.
        shape: C, H and W.

    Raises:
        PictureError: a file cannot be read.
        TypeError: it is none of these.
        ValueError: another shape, or floats outside [0, 1].

    Example:
        >>> image_batch(torch.zeros(2, 8, 8), (1, 8, 8)).shape
        torch.Size([2, 1, 8, 8])
        >>> image_batch(torch.full((1, 1, 8, 8), 255.0), (1, 8, 8))
        Traceback (most recent call last):
        ...
        ValueError: float images must be in [0, 1], got values from 255 to 255: divide by 255, or give uint8
    """
    if _is_picture(images):
        images = [images]
    elif isinstance(images, Iterator):
        images = list(images)
    if isinstance(images, Sequence) and all(map(_is_picture, images)):
        read = [read_picture(image, shape) for image in images]
        return torch.stack(read) if read else torch.zeros(0, *shape, dtype=torch.uint8)
    if isinstance(images, list | tuple):
        images = torch.stack([_tensor(image) for image in images])
    return _checked(_tensor(images), shape)


def _tensor(images: Any) -> Tensor:
    try:
        return torch.as_tensor(images)
    except RuntimeError as error:  # what torch raises for most types
        kind = type(images).__name__
        raise TypeError(f"images must be tensors, arrays, files or Pillow images, got {kind}") from error


def _is_picture(image: Any) -> bool:
    return isinstance(image, str | os.PathLike) or (hasattr(image, "convert") and hasattr(image, "getexif"))


def _checked(batch: Tensor, shape: tuple[int, int, int]) -> Tensor:
    """Return a tensor of images with its channel axis, after a check of shape, type and range."""
    channels, height, width = shape
    if batch.ndim == 3 and channels == 1:
        batch = batch[:, None]
    if batch.ndim != 4 or tuple(batch.shape[1:]) != shape:
        raise ValueError(
            f"images must be [N, {channels}, {height}, {width}], got {list(batch.shape)}; only files and Pillow images "
            "are resized"
        )
    if batch.dtype == torch.uint8:
        return batch
    if not batch.is_floating_point():
        raise TypeError(f"images must be uint8, or float in [0, 1], got {batch.dtype}")
    low, high = (float(each) for each in batch.aminmax()) if batch.numel() else (0.0, 0.0)
    if not (low >= -ROUNDING and high <= 1 + ROUNDING):
        nan = "NaN" if math.isnan(low + high) else f"values from {low:g} to {high:g}"
        raise ValueError(f"float images must be in [0, 1], got {nan}: divide by 255, or give uint8")
    return batch.float()


def _pixels(image: "Image", channels: int, size: tuple[int, int]) -> Tensor:
    """Return an image as uint8 `[C, H, W]` of a size, width first."""
    import numpy as np  # noqa: PLC0415
    from PIL import ImageOps  # noqa: PLC0415

    mode = "L" if channels == 1 else "RGB"
    upright = ImageOps.exif_transpose(image)
    fitted = ImageOps.fit(_on_white(_eight_bits(upright, image.format)).convert(mode), size)
    pixels = torch.from_numpy(np.array(fitted))
    return pixels[None] if channels == 1 else pixels.permute(2, 0, 1).contiguous()


def _eight_bits(image: "Image", encoding: str | None) -> "Image":
    """Return an image with 8 bits per channel; Pillow would cut what is above 255.

    Raises:
        ValueError: pixels without a known range.
    """
    import numpy as np  # noqa: PLC0415
    from PIL import Image  # noqa: PLC0415

    sixteen = image.mode.startswith("I;16") or (image.mode == "I" and encoding in ("PNG", "PPM"))
    if sixteen:
        values = np.asarray(image).astype(np.float64) / SIXTEEN_BITS
        return Image.fromarray(values.round().clip(0, 255).astype(np.uint8))
    if image.mode in ("I", "F"):
        raise ValueError(f"pixels of mode {image.mode} have no known range; save it with 8 or 16 bits")
    return image


def _on_white(image: "Image") -> "Image":
    """Return an image without transparency, on white."""
    from PIL import Image  # noqa: PLC0415

    if image.mode not in ("LA", "La", "PA", "RGBA", "RGBa") and "transparency" not in image.info:
        return image.convert("RGB") if image.mode == "P" else image
    whole = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", whole.size, "white"), whole)
