"""Types and values as short text that is the same on every machine: no addresses, no module names, no versions."""

import re
from pathlib import PurePath
from types import FunctionType, NoneType, UnionType
from typing import Annotated, ForwardRef, Literal, Union, get_args, get_origin

_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")


def value_text(value: object) -> str:
    """A default or a constant.

    Example:
        >>> value_text(len), value_text(PurePath("a") / "b"), value_text((1, "x"))
        ('len', "'a/b'", "(1, 'x')")
    """
    if isinstance(value, type | FunctionType | type(len)):
        return value.__name__
    if isinstance(value, PurePath):
        return repr(value.as_posix())
    return _ADDRESS.sub("", repr(value))


def type_text(hint: object) -> str:
    """A type as one would write it, with aliases written out.

    Example:
        >>> from collections.abc import Callable
        >>> type_text(Callable[[int], PurePath | None]), type_text(Literal["a", 2]), type_text(dict[str, "Later"])
        ('Callable[[int], PurePath | None]', "Literal['a', 2]", 'dict[str, Later]')
    """
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return type_text(arguments[0])
    if origin is Literal:
        return f"Literal[{', '.join(map(repr, arguments))}]"
    if origin in (Union, UnionType):
        return " | ".join(map(type_text, arguments))
    if origin is not None:
        return _generic(origin, arguments)
    return _plain(hint)


def _generic(origin: object, arguments: tuple[object, ...]) -> str:
    name = _plain(origin)
    if name == "ndarray":  # numpy's versions differ in how they write the shape: keep the type of the elements
        name, arguments = "NDArray", get_args(arguments[-1])
    return f"{name}[{', '.join(map(type_text, arguments))}]"


def _plain(hint: object) -> str:
    """A type that takes no arguments, or what stands for one."""
    if hint in (None, NoneType):
        return "None"
    if hint is ...:
        return "..."
    if isinstance(hint, list):  # the parameters of a Callable
        return f"[{', '.join(map(type_text, hint))}]"
    if isinstance(hint, ForwardRef):
        return hint.__forward_arg__
    if isinstance(hint, str):
        return hint.replace('"', "").replace("'", "")
    return str(getattr(hint, "__name__", None) or _ADDRESS.sub("", repr(hint)))
