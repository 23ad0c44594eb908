"""The public interface of our packages as text: every name in `__all__`, with signatures and defaults."""

import inspect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from functools import cached_property
from importlib import import_module
from inspect import Parameter
from types import ModuleType
from typing import Any, Protocol, get_origin

from tests.snapshots.words import type_text, value_text

PACKAGES = ("convff", "labels", "cam")
OURS = (*PACKAGES, "experiments")  # what is defined elsewhere, e.g. by nn.Module, is not shown
SPECIAL = ("__call__", "__contains__", "__enter__", "__exit__", "__getitem__", "__iter__", "__len__")
STARS: dict[object, str] = {Parameter.VAR_POSITIONAL: "*", Parameter.VAR_KEYWORD: "**"}
WIDTH = 110  # a longer signature takes one line a parameter
LONG = 80  # a constant of a longer repr is shown by its type

Class = type[Any]


def text() -> str:
    """The interface of all packages."""
    return "\n".join(package_text(import_module(package)) for package in PACKAGES)


def package_text(package: ModuleType) -> str:
    """Every name in the `__all__` of a package, sorted."""
    things = {name: getattr(package, name) for name in sorted(package.__all__)}
    shown = [thing for thing in things.values() if inspect.isclass(thing)]
    parts = ["\n".join(_name_lines(name, thing, shown)) for name, thing in things.items()]
    return "\n\n".join([f"# {package.__name__}", *parts]) + "\n"


def _name_lines(name: str, thing: object, shown: Sequence[Class]) -> list[str]:
    """The lines of one name; `shown` are the classes of the package, whose members need not be said again."""
    if inspect.isclass(thing) and get_origin(thing) is None:
        return _class_lines(name, thing, shown)
    if inspect.isroutine(thing):
        return _call_lines(name, thing)
    if isinstance(thing, Mapping):
        return [f"{name}: table", *(f"    {key}" for key in sorted(map(value_text, thing)))]
    if get_origin(thing) is not None:
        return [f"{name} = {type_text(thing)}"]
    value = value_text(thing)
    told = len(value) <= LONG and not name.startswith("__")  # each release has another __version__
    return [f"{name} = {value}" if told else f"{name}: {type(thing).__name__}"]


def _class_lines(name: str, cls: Class, shown: Sequence[Class]) -> list[str]:
    if not _is_ours(cls):
        return [f"class {name}: {cls.__name__} of {cls.__module__.partition('.')[0]}"]
    body = [*_constructor_lines(name, cls), *_field_lines(cls)]
    inherited: dict[str, list[str]] = {}
    for base in reversed(_own_mro(cls)[1:]):  # the nearest base has the last word
        inherited |= dict(_members(base)) if base in shown else {}
    for member, lines in sorted(_members(cls)):
        body += lines if lines != inherited.get(member) else []
    return [f"class {name}{_bases(cls)}{_kind(cls)}", *(f"    {line}" for line in body)]


def _is_ours(cls: Class) -> bool:
    return cls.__module__.partition(".")[0] in OURS


def _is_protocol(cls: Class) -> bool:
    return Protocol in cls.__bases__


def _own_mro(cls: Class) -> list[Class]:
    return [base for base in cls.__mro__ if _is_ours(base)]


def _bases(cls: Class) -> str:
    """Our own public bases, near or far, and the first of others: what `isinstance` and `except` go by."""
    names = [base.__name__ for base in _own_mro(cls)[1:] if not base.__name__.startswith("_")]
    others = [base for base in cls.__mro__ if not _is_ours(base) and base.__module__ not in ("typing", "abc")]
    names += [base.__name__ for base in others[:1] if base is not object]
    return f"({', '.join(names)})" if names else ""


def _kind(cls: Class) -> str:
    if _is_protocol(cls):
        return ": protocol"
    parameters: Any = getattr(cls, "__dataclass_params__", None)
    if parameters is None:
        return ""
    return ": frozen dataclass" if parameters.frozen else ": dataclass"


def _constructor_lines(name: str, cls: Class) -> list[str]:
    """The constructor, if one of our own classes has it."""
    if _is_protocol(cls):
        return []
    for base in _own_mro(cls):
        for method in ("__init__", "__new__"):
            if method in vars(base) and not _is_protocol(base):
                return _call_lines(name, vars(base)[method], factories=_factories(cls), bound=True, returns=False)
    return []


def _factories(cls: Class) -> dict[str, str]:
    """The defaults of dataclass fields that are made anew for every object, as one of them is."""
    found = fields(cls) if is_dataclass(cls) else ()
    return {field.name: value_text(field.default_factory()) for field in found if field.default_factory is not MISSING}


def _field_lines(cls: Class) -> Iterator[str]:
    factories = _factories(cls)
    for field in fields(cls) if is_dataclass(cls) else ():
        default = "" if field.default is MISSING else f" = {value_text(field.default)}"
        default = f" = {factories[field.name]}" if field.name in factories else default
        yield f"{field.name}: {type_text(field.type)}{default}" + ("" if field.init else " (not in the constructor)")


def _members(cls: Class) -> Iterator[tuple[str, list[str]]]:
    """Methods, properties and class attributes, each as the nearest of our own classes has it."""
    names_of_fields = {field.name for field in fields(cls)} if is_dataclass(cls) else set(getattr(cls, "_fields", ()))
    seen = set(names_of_fields)
    for base in _own_mro(cls):
        hints = inspect.get_annotations(base)
        for name in (*vars(base), *hints):
            if type(vars(base).get(name)).__module__.startswith("sklearn."):
                continue  # methods that scikit-learn adds to every estimator
            if name not in seen and (name in SPECIAL or not name.startswith("_")):
                seen.add(name)
                yield name, _member_lines(name, vars(base).get(name, MISSING), hints)


def _member_lines(name: str, member: object, hints: Mapping[str, object]) -> list[str]:
    if isinstance(member, property | cached_property):
        getter = member.fget if isinstance(member, property) else member.func
        returns = inspect.signature(getter).return_annotation if getter is not None else Parameter.empty
        settable = " (can be set)" if isinstance(member, property) and member.fset is not None else ""
        return [f"property {name}{_returns(returns)}{settable}"]
    if isinstance(member, classmethod | staticmethod):
        return _call_lines(f"{type(member).__name__} {name}", member.__func__)
    if inspect.isroutine(member):
        return _call_lines(name, member)
    hint = f": {type_text(hints[name])}" if name in hints else ""
    return [f"{name}{hint}" + ("" if member is MISSING else f" = {value_text(member)}")]


def _call_lines(
    name: str, function: Any, *, factories: Mapping[str, str] | None = None, bound: bool = False, returns: bool = True
) -> list[str]:
    """A signature on one line, or on several if it is long.

    Args:
        name: what is called.
        function: whose signature it is.
        factories: defaults of dataclass fields that are made anew for every object.
        bound: leave out the first parameter.
        returns: show what is returned.
    """
    signature = inspect.signature(function)
    given = list(signature.parameters.values())[1 if bound else 0 :]
    parameters = _parameters(given, factories or {})
    end = _returns(signature.return_annotation) if returns else ""
    line = f"{name}({', '.join(parameters)}){end}"
    if len(line) <= WIDTH:
        return [line]
    return [f"{name}(", *(f"    {parameter}," for parameter in parameters), f"){end}"]


def _parameters(given: list[Parameter], factories: Mapping[str, str]) -> list[str]:
    """The parameters in their order, with `/` and `*` where their kind changes."""
    shown: list[str] = []
    before = None
    for parameter in given:
        if before is Parameter.POSITIONAL_ONLY is not parameter.kind:
            shown.append("/")
        if parameter.kind is Parameter.KEYWORD_ONLY and before not in (
            Parameter.KEYWORD_ONLY,
            Parameter.VAR_POSITIONAL,
        ):
            shown.append("*")
        shown.append(_parameter(parameter, factories))
        before = parameter.kind
    return [*shown, "/"] if before is Parameter.POSITIONAL_ONLY else shown


def _parameter(parameter: Parameter, factories: Mapping[str, str]) -> str:
    stars = STARS.get(parameter.kind, "")
    hint = "" if parameter.annotation is Parameter.empty else f": {type_text(parameter.annotation)}"
    if parameter.default is Parameter.empty:
        return f"{stars}{parameter.name}{hint}"
    return f"{parameter.name}{hint} = {factories.get(parameter.name) or value_text(parameter.default)}"


def _returns(annotation: object) -> str:
    return "" if annotation is Parameter.empty else f" -> {type_text(annotation)}"
