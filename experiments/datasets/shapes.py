"""Outlines and textures of the stand-in's images, as functions of pixel coordinates.

Pixels are computed by sums, products, minima and roots alone, so that images do not depend on how a processor
approximates sines.
"""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

Drawing = Callable[[Tensor, Tensor], Tensor]


def _disc(x: Tensor, y: Tensor) -> Tensor:
    return torch.hypot(x, y) - 0.95


def _square(x: Tensor, y: Tensor) -> Tensor:
    return torch.maximum(x.abs(), y.abs()) - 0.8


def _triangle(x: Tensor, y: Tensor) -> Tensor:
    return torch.maximum(0.87 * x.abs() - 0.5 * y - 0.45, y - 0.75)


def _ring(x: Tensor, y: Tensor) -> Tensor:
    return (torch.hypot(x, y) - 0.75).abs() - 0.25


def _cross(x: Tensor, y: Tensor) -> Tensor:
    across, along = torch.minimum(x.abs(), y.abs()), torch.maximum(x.abs(), y.abs())
    return torch.maximum(across - 0.3, along - 1)


def _diamond(x: Tensor, y: Tensor) -> Tensor:
    return 0.71 * (x.abs() + y.abs()) - 0.75


def _frame(x: Tensor, y: Tensor) -> Tensor:
    return (torch.maximum(x.abs(), y.abs()) - 0.68).abs() - 0.22


def _saltire(x: Tensor, y: Tensor) -> Tensor:
    return _cross(0.71 * (x + y), 0.71 * (x - y))


def _moon(x: Tensor, y: Tensor) -> Tensor:
    return torch.maximum(_disc(x, y), 0.75 - torch.hypot(x - 0.55, y))


def _dumbbell(x: Tensor, y: Tensor) -> Tensor:
    return torch.minimum(torch.hypot(x.abs() - 0.58, y) - 0.42, torch.maximum(y.abs() - 0.15, x.abs() - 0.5))


SHAPES: Mapping[str, Drawing] = {
    "disc": _disc,
    "square": _square,
    "triangle": _triangle,
    "ring": _ring,
    "cross": _cross,
    "diamond": _diamond,
    "frame": _frame,
    "saltire": _saltire,
    "moon": _moon,
    "dumbbell": _dumbbell,
}
"""Outlines: about the distance from the edge, negative inside, for a shape of radius 1."""


def wave(x: Tensor) -> Tensor:
    """Return a rounded square wave of period 1 between 0 and 1.

    Example:
        >>> wave(torch.tensor([0.0, 0.5, 1.0]))
        tensor([0., 1., 0.])
    """
    return ((x - x.round()).abs() * 4 - 0.5).clamp(0, 1)


def _flat(x: Tensor, y: Tensor) -> Tensor:
    return torch.zeros_like(x)


def _level(x: Tensor, y: Tensor) -> Tensor:
    return wave(y)


def _upright(x: Tensor, y: Tensor) -> Tensor:
    return wave(x)


def _rising(x: Tensor, y: Tensor) -> Tensor:
    return wave(0.71 * (x + y))


def _falling(x: Tensor, y: Tensor) -> Tensor:
    return wave(0.71 * (x - y))


def _checks(x: Tensor, y: Tensor) -> Tensor:
    return (wave(0.8 * x) - wave(0.8 * y)).abs()


def _dots(x: Tensor, y: Tensor) -> Tensor:
    return wave(0.8 * x) * wave(0.8 * y)


def _broad_level(x: Tensor, y: Tensor) -> Tensor:
    return wave(0.4 * y)


def _broad_upright(x: Tensor, y: Tensor) -> Tensor:
    return wave(0.4 * x)


def _bricks(x: Tensor, y: Tensor) -> Tensor:
    row = (0.5 * y).floor()
    return torch.maximum(1 - wave(0.5 * y), 1 - wave(0.5 * (x + row)))


TEXTURES: Mapping[str, Drawing] = {
    "level stripes": _level,
    "upright stripes": _upright,
    "rising stripes": _rising,
    "falling stripes": _falling,
    "checks": _checks,
    "dots": _dots,
    "flat": _flat,
    "broad level stripes": _broad_level,
    "broad upright stripes": _broad_upright,
    "bricks": _bricks,
}
"""Fillings: how much of the second colour, 0 to 1; coordinates are in units of the finest period."""


def drawn(drawings: Mapping[str, Drawing], index: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Draw one shape or texture per image.

    Args:
        drawings: `SHAPES` or `TEXTURES`.
        index: int64 `[n]`, the number of each image's drawing.
        x: horizontal coordinates `[n, H, W]`.
        y: vertical coordinates `[n, H, W]`.

    Returns:
        float32 `[n, H, W]`.

    Example:
        >>> drawn(SHAPES, torch.tensor([0]), torch.zeros(1, 1, 1), torch.zeros(1, 1, 1))
        tensor([[[-0.9500]]])
    """
    result = torch.empty_like(x)
    for number, drawing in enumerate(drawings.values()):
        rows = (index == number).nonzero().flatten()
        if len(rows):
            result[rows] = drawing(x[rows], y[rows])
    return result
