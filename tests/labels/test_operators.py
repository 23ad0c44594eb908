"""Operators on images: equal to SciPy, pixel by pixel."""

import numpy as np
import pytest
import torch
from scipy import ndimage

from labels import operators as op
from tests.labels.helpers import images

FOOTPRINTS = [("square", 3), ("square", 5), ("cross", 3), ("cross", 5), *((line, 5) for line in op.LINES)]
PAIRS = {
    "erode": lambda x, f: ndimage.grey_erosion(x, footprint=f, mode="constant", cval=1e4),
    "dilate": lambda x, f: ndimage.grey_dilation(x, footprint=f, mode="constant", cval=-1e4),
}
PAIRS |= {
    "open": lambda x, f: PAIRS["dilate"](PAIRS["erode"](x, f), f),
    "close": lambda x, f: PAIRS["erode"](PAIRS["dilate"](x, f), f),
    "gradient": lambda x, f: PAIRS["dilate"](x, f) - PAIRS["erode"](x, f),
    "top_hat": lambda x, f: x - PAIRS["open"](x, f),
    "black_hat": lambda x, f: PAIRS["close"](x, f) - x,
}


def structuring_element(shape: str, size: int) -> np.ndarray:
    """A flat structuring element `[size, size]`, drawn pixel by pixel."""
    middle = size // 2
    inside = {
        "square": lambda y, x: True,
        "row": lambda y, x: y == middle,
        "column": lambda y, x: x == middle,
        "cross": lambda y, x: middle in (x, y),
        "diagonal": lambda y, x: x == y,
        "antidiagonal": lambda y, x: x + y == size - 1,
    }[shape]
    return np.array([[inside(y, x) for x in range(size)] for y in range(size)])


@pytest.mark.parametrize(("shape", "size"), FOOTPRINTS)
@pytest.mark.parametrize("name", PAIRS)
def test_morphology_equals_scipy(name: str, shape: str, size: int) -> None:
    batch = images(2, 1, torch.float64)
    footprint = structuring_element(shape, size)
    got = op.OPERATORS[name](batch, size, shape)
    for image, result in zip(batch[:, 0].numpy(), got[:, 0].numpy(), strict=True):
        assert np.abs(PAIRS[name](image, footprint) - result).max() == 0.0


@pytest.mark.parametrize(("dx", "dy"), [(2, 0), (0, -3), (-1, 2), (0, 0)])
def test_shift_equals_scipy(dx: int, dy: int) -> None:
    image = images(1, 1, torch.float64)
    expected = ndimage.shift(image[0, 0].numpy(), (dy, dx), order=0, mode="nearest")
    assert np.array_equal(op.shift(image, dx, dy)[0, 0].numpy(), expected)


def test_operators_refuse_what_they_cannot_do() -> None:
    with pytest.raises(ValueError, match="odd and at least 3"):
        op.erode(images(), 4)
    with pytest.raises(ValueError, match="unknown structuring element 'star'"):
        op.erode(images(), 3, "star")
    with pytest.raises(ValueError, match="too large"):
        op.shift(images(), 24, 0)


def test_opening_and_closing_are_idempotent_and_ordered() -> None:
    batch = images()
    opened, closed = op.opening(batch, 3), op.closing(batch, 3)
    assert torch.equal(op.opening(opened, 3), opened)
    assert torch.equal(op.closing(closed, 3), closed)
    assert (opened <= batch).all()
    assert (closed >= batch).all()
