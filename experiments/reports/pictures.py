"""Pictures inside the page: arrays as data URIs, small enough for one file."""

import base64
import io

import numpy as np
import numpy.typing as npt
from PIL import Image

LARGEST = 128  # pixels per side
FINE = 64  # up to this side a picture keeps every value; larger ones are photographs, and stored as such
QUALITY = 88


def data_uri(pixels: npt.NDArray[np.uint8]) -> str:
    """Return a picture as a data URI: PNG, or JPEG for large pictures, which are shrunk to `LARGEST`.

    Args:
        pixels: uint8 `[H, W]` or `[H, W, 3]`.

    Example:
        >>> data_uri(np.zeros((8, 8), np.uint8))[:22]
        'data:image/png;base64,'
    """
    image, side = Image.fromarray(pixels), max(pixels.shape[:2])
    if side > LARGEST:
        factor = LARGEST / side
        image = image.resize((max(1, round(image.width * factor)), max(1, round(image.height * factor))))
    file, kind = io.BytesIO(), "png" if side <= FINE else "jpeg"
    image.save(file, kind, **({"optimize": True} if kind == "png" else {"quality": QUALITY}))
    return f"data:image/{kind};base64,{base64.b64encode(file.getvalue()).decode()}"


def of_planes(image: npt.NDArray[np.generic]) -> str:
    """Return an image `[C, H, W]` with 1 or 3 channels, uint8 or in [0, 1], as a data URI."""
    return of_colours(image[0] if len(image) == 1 else np.moveaxis(image, 0, -1))


def of_colours(image: npt.NDArray[np.generic]) -> str:
    """Return an image `[H, W]` or `[H, W, 3]`, uint8 or in [0, 1], as a data URI."""
    if image.dtype != np.uint8:
        image = (np.clip(image.astype(np.float64), 0, 1) * 255).round().astype(np.uint8)
    return data_uri(np.ascontiguousarray(image))


def of_map(image: npt.NDArray[np.uint8], signed: npt.NDArray[np.generic], scale: float) -> str:
    """Return a map `[H, W]` over its image, uint8 `[C, H, W]`, as a data URI; `scale` ends its colours."""
    from cam import overlay  # imports torch

    return of_colours(overlay(image.astype(np.float64) / 255, signed, scale))
