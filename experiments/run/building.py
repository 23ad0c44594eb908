"""Build parts from a table or from the user's own file, and drop no option silently."""

import importlib.util
import inspect
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any
from zlib import crc32

from convff import MODELS
from experiments.config.own import known, own_file
from experiments.config.settings import SettingsError
from labels import LabelGenerator


def look_up(what: str, name: str, table: Mapping[str, Any]) -> Any:
    """Return the entry of a table, or for `FILE.py:NAME` what the user's own file holds under that name.

    The file is run like an import, once per process.

    Raises:
        SettingsError: the table has no such entry, or the file is missing, fails, or does not hold the name.

    Example:
        >>> look_up("number", "two", {"one": 1, "two": 2})
        2
    """
    try:
        file = own_file(known(what, name, tuple(table)))
    except ValueError as error:
        raise SettingsError(str(error)) from error
    if file is None:
        return table[name]
    module, attribute = _loaded(what, file), name.rpartition(":")[2]
    if not hasattr(module, attribute):
        held = ", ".join(held for held in vars(module) if not held.startswith("_"))
        raise SettingsError(f"{what} {name}: {file} holds no {attribute}; it holds {held}")
    return getattr(module, attribute)


def _loaded(what: str, file: Path) -> ModuleType:
    """Run a file as a module, or return its module if it was run before."""
    path = file.resolve()
    name = f"own_{crc32(str(path).encode()):x}_{path.stem}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # before it runs: dataclasses look their module up
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:  # whatever the user's file raises; a run must not end as if it had worked
        del sys.modules[name]
        raise SettingsError(f"{what}: {file} cannot be run: {type(error).__name__}: {error}") from error
    return module


def takes(make: Any, option: str) -> bool:
    """Return whether a class or function takes an option.

    Example:
        >>> from convff import RULES
        >>> takes(RULES["ff"], "gate"), takes(RULES["bp"], "gate")
        (True, False)
    """
    return option in inspect.signature(make).parameters


def told_by_data(model: str, labels: LabelGenerator) -> dict[str, Any]:
    """Return the options of a network that data and labels decide.

    Args:
        model: name of the network.
        labels: the label generator, which knows the number of classes.

    Example:
        >>> from labels import NoLabels
        >>> told_by_data("cnn6", NoLabels(3)), told_by_data("recurrent_mlp", NoLabels(3))
        ({}, {'classes': 3})
    """
    repeated = getattr(labels, "repeated_channels", 0)
    known: dict[str, Any] = {"label_channels": repeated} if repeated else {}
    return known | ({"classes": labels.num_classes} if takes(MODELS[model], "classes") else {})


def build(what: str, make: Callable[..., Any], asked: dict[str, Any], offered: dict[str, Any] | None = None) -> Any:
    """Call `make` with all options in `asked`, and with those in `offered` that it takes.

    So a new rule or label family needs no branch here, and no option is dropped silently.

    Raises:
        ValueError: `make` does not take an option that was asked for.

    Example:
        >>> from labels import OneHotLabels
        >>> build("labels onehot", OneHotLabels, {"intensity": 0.5}, {"num_classes": 3})
        Traceback (most recent call last):
        ...
        ValueError: labels onehot takes no option intensity; its options are num_classes, value, rest
    """
    options = inspect.signature(make).parameters
    if unknown := [name for name in asked if name not in options]:
        named = ", ".join(options) or "none"
        raise ValueError(f"{what} takes no option {', '.join(unknown)}; its options are {named}")
    return make(**{name: value for name, value in (offered or {}).items() if name in options} | asked)
