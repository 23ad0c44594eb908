"""Values of settings in files, converted to the types of their fields. Imports no torch."""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

WORDS = {str: "a string", int: "a whole number", float: "a number", bool: "true or false", Path: "a path"}


def did_you_mean(name: str, known: Sequence[str]) -> str:
    """Return the end of a message about an unknown name: the known one that is like it, if any.

    Example:
        >>> did_you_mean("rules", ["rule", "labels"]), did_you_mean("x", ["rule", "labels"])
        ('; did you mean rule?', '')
    """
    return "".join(f"; did you mean {match}?" for match in get_close_matches(name, known, n=1))


def typed_fields(made: type, given: Mapping[str, Any], *, known: bool = True) -> dict[str, Any]:
    """Return the fields of a dataclass from what a file holds for them.

    Args:
        made: the dataclass.
        given: values from JSON or TOML by name; fields may be missing.
        known: whether a part must be one of ours or in a file that exists; False for a finished run, which may have
            outlived its file, and may hold a single name instead of a list.

    Raises:
        ValueError: there is no such field, or a value has another type; the message names the field.

    Example:
        >>> from experiments.config.settings import Settings
        >>> typed_fields(Settings, {"lr": 1, "widths": [8, 16]})
        {'lr': 1.0, 'widths': (8, 16)}
    """
    kinds, typed = get_type_hints(made, include_extras=True), {}
    for name, value in given.items():
        if name not in kinds:
            raise ValueError(f"there is no setting {name}")
        try:
            typed[name] = typed_value(kinds[name], value, known=known)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from error
    return typed


def typed_value(kind: Any, value: Any, *, known: bool = True) -> Any:
    """Return a value of a file, converted to its type; see `typed_fields`.

    Raises:
        ValueError: it has another type; the message says what is allowed.

    Example:
        >>> typed_value(tuple[int, ...] | None, [8, 16]), typed_value(float, 3)
        ((8, 16), 3.0)
    """
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return None if value is None and NoneType in inner else typed_value(inner[0], value, known=known)
    if origin is Literal:
        if value not in inner:
            raise ValueError(f"must be one of {', '.join(inner)}, got {value!r}")
        return value
    if origin is tuple:
        if isinstance(value, str) and not known:
            value = [value]  # runs of version 0.1 had one inference
        if not isinstance(value, list | tuple):
            raise ValueError(f"must be a list, got {value!r}")
        return tuple(typed_value(inner[0], each, known=known) for each in value)
    if origin is Annotated:  # a part, ours or from a file: it checks its own names
        name = typed_value(str, value)
        return inner[1].instance_from_str([name]) if known else name
    if kind is float and type(value) is int and abs(value) < 2**53:
        return float(value)
    if type(value) is not (str if kind is Path else kind):
        raise ValueError(f"must be {WORDS[kind]}, got {value!r}")
    return kind(value)
