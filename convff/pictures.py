"""Pictures to pixels of a network's size: files and Pillow images, as people have them.

A picture is turned as its EXIF data say, cut to the middle part of the network's shape and resized, with antialiasing;
one that has the size already keeps every pixel. What is transparent shows white. 16 bits become 8.
"""

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    from PIL.Image import Image

FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
SUFFIXES = frozenset({".bmp", ".gif", ".jpg", ".jpeg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"})
MOST_PIXELS = 89_000_000  # Pillow warns of more
SIXTEEN_BITS = 257  # 65535 / 255
ROUNDING = 1e-5  # by which a float image may leave [0, 1]


class PictureError(ValueError):
    """A picture that cannot be read; the message names the file."""


def read_picture(source: "Path | str | Image", shape: tuple[int, int, int]) -> Tensor:
    """Return a picture as input of a network: uint8 `[C, H, W]`.

    Args:
        source: a file, or a Pillow image.
        shape: C (1 for gray, 3 for RGB), H and W.

    Raises:
        PictureError: the file is missing, cut short, or no picture; its pixels are of an unknown kind; or C is neither
            1 nor 3.

    Example:
        >>> from PIL import Image
        >>> read_picture(Image.new("RGBA", (40, 20)), (1, 8, 8)).unique()  # transparent
        tensor([255], dtype=torch.uint8)
    """
    from PIL import Image, UnidentifiedImageError  # noqa: PLC0415 (most users of the package read no file)

    name = str(source) if isinstance(source, str | os.PathLike) else "the image"
    channels, height, width = shape
    if channels not in (1, 3):
        raise PictureError(f"{name}: a picture has 1 or 3 channels, but the network takes {channels}: give a tensor")
    try:
        if not isinstance(source, str | os.PathLike):
            return _pixels(source, channels, (width, height))
        with Image.open(source, formats=FORMATS) as image:
            if image.width * image.height > MOST_PIXELS:
                raise ValueError(f"it has {image.width:,} x {image.height:,} pixels")
            return _pixels(image, channels, (width, height))
    except FileNotFoundError as error:
        raise PictureError(f"{name} cannot be read: there is no such file") from error
    except Exception as error:  # Pillow raises a dozen kinds of exception for broken files
        # Pillow's own message names an object in memory.
        reason = "no known image format" if isinstance(error, UnidentifiedImageError) else error
        raise PictureError(f"{name} cannot be read as an image: {reason}") from error


def image_batch(images: Any, shape: tuple[int, int, int]) -> Tensor:
    """Return images of any kind as one batch: uint8, or float32 in [0, 1], `[N, C, H, W]`.

    Args:
        images: a tensor or array `[N, C, H, W]`, or `[N, H, W]` for one channel, uint8 or float in [0, 1]; or files or
            Pillow images, one or several, which are brought to the shape.
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
    if isinstance(images, Sequence) and all(map(_is_picture, images)):
        read = [read_picture(image, shape) for image in images]
        return torch.stack(read) if read else torch.zeros(0, *shape, dtype=torch.uint8)
    if isinstance(images, list | tuple):
        images = torch.stack([torch.as_tensor(image) for image in images])
    return _checked(torch.as_tensor(images), shape)


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
