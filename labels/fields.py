"""Fields of a label generator's `spec()`, checked: a spec may come from a file that anyone wrote."""

import math
import reprlib
from typing import Any

MOST_CLASSES = 10_000
LARGEST_SIDE = 65_536  # pixels
LARGEST = 2**28  # numbers in the patterns of all classes: one gibibyte


def field(spec: dict[str, Any], name: str) -> Any:
    """Return a field of a spec.

    Raises:
        ValueError: the spec has no such field; the message names family and field.

    Example:
        >>> field({"family": "onehot", "value": 1.0}, "num_classes")
        Traceback (most recent call last):
        ...
        ValueError: labels of family 'onehot' need the field 'num_classes'
    """
    if name not in spec:
        raise ValueError(f"labels of family {spec.get('family')!r} need the field {name!r}")
    return spec[name]


def whole(spec: dict[str, Any], name: str, value: Any, least: int, most: int) -> int:
    """Return a whole number of a field.

    Args:
        spec: the spec.
        name: the field.
        value: the field's value, or a part of it.
        least: the smallest number allowed.
        most: the largest number allowed.

    Raises:
        TypeError: it is no whole number.
        ValueError: it is out of range.

    Example:
        >>> whole({"family": "learned"}, "seed", 3, 0, 10)
        3
    """
    if type(value) is not int:
        raise TypeError(f"{_where(spec, name)} must be a whole number, got {reprlib.repr(value)}")
    if not least <= value <= most:
        raise ValueError(f"{_where(spec, name)} must be in [{least}, {most}], got {reprlib.repr(value)}")
    return value


def class_count(spec: dict[str, Any]) -> int:
    """Return the number of classes of a spec.

    Raises:
        TypeError, ValueError: see `field` and `whole`.

    Example:
        >>> class_count({"family": "echo", "num_classes": 10})
        10
    """
    return whole(spec, "num_classes", field(spec, "num_classes"), 1, MOST_CLASSES)


def finite(spec: dict[str, Any], name: str, value: Any = None) -> float:
    """Return a field, or a part of it, that must be a finite number; a whole number stays one.

    Raises:
        TypeError: it is no number.
        ValueError: it is infinite or not a number, or the spec has no such field.

    Example:
        >>> finite({"family": "onehot", "value": 0.5}, "value")
        0.5
    """
    number = field(spec, name) if value is None else value
    if type(number) not in (int, float):
        raise TypeError(f"{_where(spec, name)} must be a number, got {reprlib.repr(number)}")
    try:
        known = math.isfinite(number)
    except OverflowError:  # a whole number beyond all floats
        known = False
    if not known:
        raise ValueError(f"{_where(spec, name)} must be finite, got {reprlib.repr(number)}")
    checked: float = number
    return checked


def listed(spec: dict[str, Any], name: str, value: Any = None) -> list[Any]:
    """Return a field, or a part of it, that must be a list.

    Raises:
        TypeError: it is no list.
        ValueError: the spec has no such field.

    Example:
        >>> listed({"family": "fourier", "waves": []}, "waves")
        []
    """
    found = field(spec, name) if value is None else value
    if not isinstance(found, list | tuple):
        raise TypeError(f"{_where(spec, name)} must be a list, or a list of lists, got {reprlib.repr(found)}")
    return list(found)


def size_of(spec: dict[str, Any]) -> tuple[int, int]:
    """Return height and width of a spec's images; patterns of that size for all classes must fit into memory.

    Raises:
        TypeError, ValueError: see `listed` and `whole`; or the patterns would take more than a gibibyte.

    Example:
        >>> size_of({"family": "channel", "num_classes": 10, "image_size": [28, 32]})
        (28, 32)
    """
    sides = listed(spec, "image_size")
    if len(sides) != 2:
        raise ValueError(f"{_where(spec, 'image_size')} must be height and width, got {reprlib.repr(sides)}")
    height, width = (whole(spec, "image_size", side, 1, LARGEST_SIDE) for side in sides)
    if class_count(spec) * height * width > LARGEST:
        raise ValueError(
            f"{_where(spec, 'image_size')}: {class_count(spec)} patterns of {height} x {width} must have at most "
            f"{LARGEST} pixels in all"
        )
    return height, width


def _where(spec: dict[str, Any], name: str) -> str:
    return f"labels of family {spec.get('family')!r}: {name}"
