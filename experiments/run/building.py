"""Building from a table, with no option dropped in silence."""

import inspect
from collections.abc import Callable
from typing import Any


def build(what: str, make: Callable[..., Any], asked: dict[str, Any], offered: dict[str, Any] | None = None) -> Any:
    """Call `make` with all options asked for, and with those facts offered that it takes.

    A new rule or label family so needs no branch here, and no option is dropped in silence.

    Raises:
        ValueError: `make` does not take an option that was asked for.

    Example:
        >>> from labels import OneHotLabels
        >>> build("labels onehot", OneHotLabels, {"intensity": 0.5}, {"num_classes": 3})
        Traceback (most recent call last):
        ...
        ValueError: labels onehot takes no option intensity; its options are num_classes, value
    """
    known = inspect.signature(make).parameters
    if unknown := [name for name in asked if name not in known]:
        options = ", ".join(known) or "none"
        raise ValueError(f"{what} takes no option {', '.join(unknown)}; its options are {options}")
    return make(**{name: value for name, value in (offered or {}).items() if name in known} | asked)
