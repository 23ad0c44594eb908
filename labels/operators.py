"""Image operators that the morphology labels are chained from. Images `[B, C, H, W]` in [0, 1] stay in [0, 1].

Structuring elements are flat, and pixels outside the image never win. A square is a row and then a column, a cross the
larger of both, and a line the maximum of displaced images: equal to grey dilation to the last bit, and several times as
fast as windows.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

# Directions in which a line-shaped structuring element can lie, as steps (dx, dy).
STEPS = {"row": (1, 0), "column": (0, 1), "diagonal": (1, 1), "antidiagonal": (1, -1)}
LINES = tuple(STEPS)


def erode(images: Tensor, size: int = 3, shape: str = "square") -> Tensor:
    """Minimum over the structuring element (grey erosion)."""
    # A minimum is the negative of the maximum of the negative, to the last bit.
    return -_maximum(-images, size, shape)


def dilate(images: Tensor, size: int = 3, shape: str = "square") -> Tensor:
    """Maximum over the structuring element (grey dilation)."""
    return _maximum(images, size, shape)


def opening(images: Tensor, size: int = 3, shape: str = "square") -> Tensor:
    """Erosion, then dilation: bright details thinner than the element vanish."""
    return dilate(erode(images, size, shape), size, shape)


def closing(images: Tensor, size: int = 3, shape: str = "square") -> Tensor:
    """Dilation, then erosion: dark details thinner than the element vanish."""
    return erode(dilate(images, size, shape), size, shape)


def gradient(images: Tensor, size: int = 3, shape: str = "square") -> Tensor:
    """Dilation minus erosion: the edges."""
    return dilate(images, size, shape) - erode(images, size, shape)


def top_hat(images: Tensor, size: int = 3, shape: str = "square") -> Tensor:
    """Image minus opening: the bright details."""
    return images - opening(images, size, shape)


def black_hat(images: Tensor, size: int = 3, shape: str = "square") -> Tensor:
    """Closing minus image: the dark details."""
    return closing(images, size, shape) - images


def shift(images: Tensor, dx: int, dy: int) -> Tensor:
    """The image displaced by (dx, dy) pixels to the right and down; its edge pixels fill the gap.

    Raises:
        ValueError: the displacement leaves nothing of the image.
    """
    height, width = images.shape[-2:]
    if abs(dx) >= width or abs(dy) >= height:
        raise ValueError(f"a displacement of ({dx}, {dy}) pixels is too large for images of {height} x {width}")
    padded = F.pad(images, (max(dx, 0), max(-dx, 0), max(dy, 0), max(-dy, 0)), mode="replicate")
    top, left = max(-dy, 0), max(-dx, 0)
    return padded[..., top : top + height, left : left + width]


def invert(images: Tensor) -> Tensor:
    """The negative, `1 - image`."""
    return 1 - images


def contrast(images: Tensor, factor: float) -> Tensor:
    """Intensities spread about 1/2 by `factor`, clipped to [0, 1]."""
    return ((images - 0.5) * factor + 0.5).clamp(0, 1)


def gain(images: Tensor, factor: float) -> Tensor:
    """Intensities times `factor`, clipped to [0, 1]: faint details made visible."""
    return (images * factor).clamp(0, 1)


def _maximum(images: Tensor, size: int, shape: str) -> Tensor:
    """Maximum over the structuring element, of those of its pixels that lie in the image."""
    _check_element(shape, size)
    height, width = images.shape[-2:]
    if size > min(height, width):
        raise ValueError(f"a structuring element {size} pixels wide is too large for images of {height} x {width}")
    if shape == "square":
        return _along("column", _along("row", images, size), size)
    if shape == "cross":
        return torch.maximum(_along("row", images, size), _along("column", images, size))
    return _along(shape, images, size)


def _check_element(shape: str, size: int) -> None:
    """Raise ValueError if a structuring element has an even or too small size, or an unknown shape."""
    if size < 3 or size % 2 == 0:
        raise ValueError(f"a structuring element must be odd and at least 3 pixels wide, not {size}")
    if shape not in (known := ("square", "cross", *LINES)):
        raise ValueError(f"unknown structuring element {shape!r}; known are {', '.join(known)}")


def _along(line: str, images: Tensor, size: int) -> Tensor:
    """Maximum over `size` pixels in a line: of the images displaced along it, which is cheaper than any window."""
    height, width = images.shape[-2:]
    reach = size // 2
    dx, dy = STEPS[line]
    sides = (reach * abs(dx),) * 2 + (reach * abs(dy),) * 2
    padded = F.pad(images, sides, value=-torch.inf)
    result = images
    for step in (*range(-reach, 0), *range(1, reach + 1)):
        left, top = (reach * abs(dx)) + step * dx, (reach * abs(dy)) + step * dy
        result = torch.maximum(result, padded[..., top : top + height, left : left + width])
    return result


OPERATORS: dict[str, Callable[..., Tensor]] = {
    "erode": erode,
    "dilate": dilate,
    "open": opening,
    "close": closing,
    "gradient": gradient,
    "top_hat": top_hat,
    "black_hat": black_hat,
    "shift": shift,
    "invert": invert,
    "contrast": contrast,
    "gain": gain,
}
