"""Image operators, the steps of morphology labels. They keep images `[B, C, H, W]` in [0, 1].

Structuring elements are flat, and pixels outside the image are ignored. A square is computed as a row followed by a
column, a cross as the maximum of both, and a line as the maximum of displaced images: equal to gray dilation to the
last bit, and several times as fast as sliding windows.
"""

import inspect
import math
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

# Directions in which a line-shaped structuring element can lie, as steps (dx, dy).
STEPS = {"row": (1, 0), "column": (0, 1), "diagonal": (1, 1), "antidiagonal": (1, -1)}
LINES = tuple(STEPS)


def erode(images: Tensor, size: int = 3, shape: str = "square") -> Tensor:
    """Return the minimum over the structuring element (gray erosion).

    Example:
        >>> erode(torch.eye(4)[None, None], shape="diagonal")[0, 0, 1]
        tensor([0., 1., 0., 0.])
    """
    # min(x) = -max(-x), to the last bit.
    return -_maximum(-images, size, shape)


def dilate(images: Tensor, size: int = 3, shape: str = "square") -> Tensor:
    """Return the maximum over the structuring element (gray dilation).

    Example:
        >>> dilate(torch.eye(4)[None, None], shape="row")[0, 0, 0]
        tensor([1., 1., 0., 0.])
    """
    return _maximum(images, size, shape)


def opening(images: Tensor, size: int = 3, shape: str = "square") -> Tensor:
    """Erode, then dilate: bright details thinner than the element vanish.

    Example:
        >>> opening(torch.eye(3)[None, None]).max()
        tensor(0.)
    """
    return dilate(erode(images, size, shape), size, shape)


def closing(images: Tensor, size: int = 3, shape: str = "square") -> Tensor:
    """Dilate, then erode: dark details thinner than the element vanish.

    Example:
        >>> closing(1 - torch.eye(3)[None, None]).min()
        tensor(1.)
    """
    return erode(dilate(images, size, shape), size, shape)


def gradient(images: Tensor, size: int = 3, shape: str = "square") -> Tensor:
    """Return dilation minus erosion: the edges.

    Example:
        >>> gradient(torch.tensor([0.0, 0.0, 1.0, 1.0]).expand(1, 1, 3, 4))[0, 0, 1]
        tensor([0., 1., 1., 0.])
    """
    return dilate(images, size, shape) - erode(images, size, shape)


def top_hat(images: Tensor, size: int = 3, shape: str = "square") -> Tensor:
    """Return image minus opening: the bright details.

    Example:
        >>> top_hat(torch.eye(3)[None, None]).sum()
        tensor(3.)
    """
    return images - opening(images, size, shape)


def black_hat(images: Tensor, size: int = 3, shape: str = "square") -> Tensor:
    """Return closing minus image: the dark details.

    Example:
        >>> black_hat(1 - torch.eye(3)[None, None]).sum()
        tensor(3.)
    """
    return closing(images, size, shape) - images


def shift(images: Tensor, dx: int, dy: int) -> Tensor:
    """Displace images by (dx, dy) pixels to the right and down; edge pixels fill the gap.

    Raises:
        ValueError: a displacement as large as the image.

    Example:
        >>> shift(torch.arange(4.0).view(1, 1, 1, 4), 1, 0)
        tensor([[[[0., 0., 1., 2.]]]])
    """
    height, width = images.shape[-2:]
    if abs(dx) >= width or abs(dy) >= height:
        raise ValueError(f"a displacement of ({dx}, {dy}) pixels is too large for images of {height} x {width}")
    padded = F.pad(images, (max(dx, 0), max(-dx, 0), max(dy, 0), max(-dy, 0)), mode="replicate")
    top, left = max(-dy, 0), max(-dx, 0)
    return padded[..., top : top + height, left : left + width]


def invert(images: Tensor) -> Tensor:
    """Return the negative, `1 - image`.

    Example:
        >>> invert(torch.tensor([0.0, 0.25]))
        tensor([1.0000, 0.7500])
    """
    return 1 - images


def contrast(images: Tensor, factor: float) -> Tensor:
    """Scale intensities about 1/2 by `factor`, clipped to [0, 1].

    Example:
        >>> contrast(torch.tensor([0.0, 0.25, 0.5]), 1.5)
        tensor([0.0000, 0.1250, 0.5000])
    """
    return ((images - 0.5) * factor + 0.5).clamp(0, 1)


def gain(images: Tensor, factor: float) -> Tensor:
    """Scale intensities by `factor`, clipped to [0, 1], to make faint details visible.

    Example:
        >>> gain(torch.tensor([0.125, 0.5]), 4.0)
        tensor([0.5000, 1.0000])
    """
    return (images * factor).clamp(0, 1)


def _maximum(images: Tensor, size: int, shape: str) -> Tensor:
    """Return the maximum over the pixels of the structuring element that lie in the image."""
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
        raise ValueError(f"a structuring element must be odd and at least 3 pixels wide, got {size}")
    if shape not in (known := ("square", "cross", *LINES)):
        raise ValueError(f"unknown structuring element {shape!r}; known shapes: {', '.join(known)}")


def _along(line: str, images: Tensor, size: int) -> Tensor:
    """Return the maximum over `size` pixels along a line, as a maximum of displaced images: cheaper than windows."""
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


def check_step(step: tuple[Any, ...]) -> None:
    """Raise ValueError for an unknown operator, or for arguments that it does not take.

    Args:
        step: an operator's name and its arguments.

    Example:
        >>> check_step(("shift", 2, "down"))
        Traceback (most recent call last):
        ...
        ValueError: operator 'shift': dy must be of type int, got 'down'
    """
    name, *arguments = step or ("",)
    if not isinstance(name, str) or name not in OPERATORS:
        raise ValueError(f"unknown operator {name!r}; known operators: {', '.join(OPERATORS)}")
    try:
        bound = inspect.signature(OPERATORS[name], eval_str=True).bind(None, *arguments)
    except TypeError as error:
        raise ValueError(f"operator {name!r} does not take the arguments {tuple(arguments)}: {error}") from error
    options = dict(list(bound.arguments.items())[1:])
    for option, value in options.items():
        wanted = inspect.signature(OPERATORS[name], eval_str=True).parameters[option].annotation
        allowed = (int, float) if wanted is float else (wanted,)
        if type(value) not in allowed or (wanted is float and not math.isfinite(value)):
            raise ValueError(f"operator {name!r}: {option} must be of type {wanted.__name__}, got {value!r}")
    if "size" in options:
        _check_element(options.get("shape", "square"), options["size"])
