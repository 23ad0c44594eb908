"""The plain values that `ForwardForwardClassifier` is given: each is checked, and refused by the name of its option."""

from collections.abc import Iterable
from math import prod
from typing import Any

import numpy as np
import torch

from convff.machine.precision import fastest_precision
from convff.optimizers import OPTIMIZERS
from convff.schedule import Schedule

Shape = tuple[int, int, int]

PRECISIONS = ("float32", "bfloat16", "auto")
RATES = {"adam": 1e-3, "relative": 0.005, "orthogonal": 0.02, "per_neuron": 0.03, "sign": 0.01, "norm_dependent": 0.05}


def one_of(option: str, value: Any, known: Iterable[str]) -> str:
    """Return a name, if it is one of those that an option takes.

    Raises:
        ValueError: it is not; the message says which are.

    Example:
        >>> one_of("rule", "bpp", ("ff", "hebbff"))
        Traceback (most recent call last):
        ...
        ValueError: rule must be one of ff, hebbff, got 'bpp'
    """
    names = list(known)
    if not isinstance(value, str) or value not in names:
        raise ValueError(f"{option} must be one of {', '.join(names)}, got {value!r}")
    return value


def whole(option: str, value: Any, least: int) -> int:
    """Return a whole number of at least `least`, also one of NumPy.

    Raises:
        ValueError: it is another number, or none.

    Example:
        >>> whole("epochs", 3, least=1)
        3
    """
    if isinstance(value, bool) or not hasattr(value, "__index__") or (number := int(value)) < least:
        raise ValueError(f"{option} must be a whole number of at least {least}, got {value!r}")
    return number


def positive(option: str, value: Any) -> float:
    """Return a positive and finite number, also one of NumPy.

    Raises:
        ValueError: it is another number, or none.

    Example:
        >>> positive("lr", 3)
        3.0
    """
    number = value if isinstance(value, int | float | np.number) and not isinstance(value, bool) else 0
    if not 0 < number < float("inf"):
        raise ValueError(f"{option} must be None or a positive number, got {value!r}")
    return float(number)


def shape_of(value: Any, option: str = "image_shape") -> Shape:
    """Return channels, height and width of `(H, W)` or `(C, H, W)`.

    Raises:
        ValueError: it is something else.

    Example:
        >>> shape_of((8, 8))
        (1, 8, 8)
    """
    sides = tuple(value) if isinstance(value, tuple | list) else ()
    if len(sides) not in (2, 3):
        raise ValueError(f"{option} must be (H, W) or (C, H, W), got {value!r}")
    channels, height, width = (whole(option, side, least=1) for side in ((1, *sides) if len(sides) == 2 else sides))
    return channels, height, width


def device_and_precision(device: Any, precision: Any) -> tuple[torch.device, str]:
    """Return where to compute, and the precision of activities in training.

    Raises:
        ValueError: no such device or precision.

    Example:
        >>> device_and_precision("cpu", "float32")
        (device(type='cpu'), 'float32')
    """
    one_of("precision", precision, PRECISIONS)
    try:
        torch.empty(0, device=(where := torch.device(device)))
    except (RuntimeError, TypeError, AssertionError) as error:
        raise ValueError(f"device must be one of this machine, such as 'cpu', got {device!r}: {error}") from error
    return where, fastest_precision(where) if precision == "auto" else precision


def new_schedule(epochs: Any, batch_size: Any, optimizer: Any, lr: Any) -> Schedule:
    """Return the schedule; the rate is the optimiser's usual one if it is None.

    Raises:
        ValueError: a number out of range, an unknown optimiser, or one without a usual rate.

    Example:
        >>> new_schedule(3, 32, "adam", None).lr
        0.001
    """
    name = one_of("optimizer", optimizer, OPTIMIZERS)
    if lr is None and name not in RATES:
        raise ValueError(f"lr must be a positive number for optimizer={name!r}, which has no usual rate, got None")
    rate = RATES[name] if lr is None else positive("lr", lr)
    return Schedule(
        epochs=whole("epochs", epochs, least=1),
        batch_size=whole("batch_size", batch_size, least=2),
        optimizer=name,
        lr=rate,
    )


def as_vectors(X: Any) -> tuple[Any, Shape | None]:
    """Return images `[N, H, W]` or `[N, C, H, W]` as vectors, and their shape; all else as it is, and None.

    Raises:
        ValueError: images without pixels.

    Example:
        >>> vectors, shape = as_vectors(np.zeros((5, 4, 3)))
        >>> vectors.shape, shape
        ((5, 12), (1, 4, 3))
    """
    images = np.asarray(X) if isinstance(X, list | tuple) or getattr(X, "ndim", 2) in (3, 4) else None
    if images is None or images.ndim not in (3, 4):
        return X, None
    shape = shape_of(images.shape[1:], "the shape of images in X")
    return images.reshape(len(images), prod(shape)), shape


def seen_shape(asked: Any, features: int, given: Shape | None, *, rows: bool) -> Shape:
    """Return the shape of the images that a network sees.

    Args:
        asked: the option `image_shape`.
        features: values of each vector or image in X.
        given: shape of the images in X; None for vectors.
        rows: whether the network takes vectors, as x and 1 - x in two channels of one row of pixels.

    Raises:
        ValueError: `image_shape` disagrees with X, or a network for images gets vectors.

    Example:
        >>> seen_shape((2, 3), 6, None, rows=True), seen_shape(None, 6, None, rows=True)
        ((1, 2, 3), (2, 1, 6))
    """
    shape = None if asked is None else shape_of(asked)
    if shape is None and given is None and not rows:
        raise ValueError(f"image_shape must be given for a model that needs images: X holds vectors of {features}")
    if shape is not None and (prod(shape) != features or given not in (None, shape)):
        held = f"vectors of {features}" if given is None else f"images of {list(given)}"
        raise ValueError(f"image_shape must fit X, which holds {held}, got {asked!r}")
    return shape or given or (2, 1, features)
