"""The options of every script as text, from the dataclass that the script parses."""

import typing
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from importlib import import_module
from pathlib import PurePath
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import tyro

from tests.snapshots.words import type_text


@dataclass(frozen=True)
class Script:
    """A script, and what it parses.

    Args:
        path: the script, as it is called.
        settings: dotted name of the dataclass whose fields are its options.
        differs: fields whose default is the script's own.
        default: dotted name of an object that has the script's own defaults.
    """

    path: str
    settings: str
    differs: Mapping[str, object] = field(default_factory=dict)
    default: str | None = None


# All that has to be edited where scripts or settings move. Scripts of the same settings stand together.
_SETTINGS = "experiments.config.command_line.Asked"
SCRIPTS = (
    Script("experiments/mnist.py", _SETTINGS, differs={"dataset": "mnist"}),
    Script("experiments/fashion_mnist.py", _SETTINGS, differs={"dataset": "fashion_mnist"}),
    Script("experiments/cifar10.py", _SETTINGS, differs={"dataset": "cifar10"}),
    Script("experiments/cifar100.py", _SETTINGS, differs={"dataset": "cifar100"}),
    Script(
        "experiments/hebbff_mlp.py", _SETTINGS, default="experiments.hebbff_mlp.DEFAULT", differs={"label_at": None}
    ),
    Script(
        "experiments/greedy.py",
        "experiments.greedy.Greedy",
        default="experiments.greedy.DEFAULT",
        differs={"label_at": None},
    ),
    Script(
        "experiments/hinton_mlp.py",
        "experiments.config.peer.AskedWithPeer",
        default="experiments.hinton_mlp.DEFAULT",
        differs={"label_at": None},
    ),
    Script(
        "experiments/unsupervised.py",
        "experiments.config.peer.AskedWithPeer",
        default="experiments.unsupervised.DEFAULT",
        differs={"labels": None},
    ),
    Script(
        "experiments/recurrent.py",
        "experiments.config.peer.AskedWithPeer",
        default="experiments.recurrent.DEFAULT",
        differs={"labels": None, "label_at": None},
    ),
    Script(
        "experiments/softhebb.py",
        _SETTINGS,
        default="experiments.softhebb.DEFAULT",
        differs={"labels": None, "label_at": None},
    ),
    Script(
        "experiments/ghl.py", _SETTINGS, default="experiments.ghl.DEFAULT", differs={"labels": None, "label_at": None}
    ),
    Script("experiments/benchmark.py", "experiments.benchmark.BenchmarkSettings"),
    Script("experiments/paper_sizes.py", "experiments.paper_sizes.Sizes"),
    Script("experiments/candidates.py", "experiments.candidates.Options"),
    Script("experiments/ship.py", "experiments.ship.Ship"),
    Script(
        "experiments/step_agreement.py",
        "experiments.step_agreement.Agreement",
        differs={"evaluate_on": "validation", "labels": None, "label_at": None},
    ),
    Script("experiments/search.py", "experiments.search.Search"),
    Script("experiments/label_gallery.py", "experiments.label_sets.settings.GallerySettings"),
    Script("experiments/figures.py", "experiments.figures.Options"),
    Script("experiments/cam_figures.py", "experiments.cam_figures.Options"),
    Script("convff train", "experiments.commands.train.Options", differs={"labels": None, "label_at": None}),
    Script("convff sweep", "experiments.commands.sweep.Options", differs={"labels": None, "label_at": None}),
    Script("convff demo", "experiments.commands.demo.Options"),
    Script("convff completion", "experiments.commands.completion.Options"),
    Script("convff predict", "experiments.commands.predict.Options"),
    Script("convff explain", "experiments.commands.explain.Options"),
    Script("convff export", "experiments.commands.export.Options"),
    Script("convff report", "experiments.commands.report.Options"),
    Script("convff compare", "experiments.commands.compare.Options"),
    Script("convff push", "experiments.commands.push.Options"),
    Script("convff labels", "experiments.label_sets.settings.GallerySettings"),
    Script("convff doctor", "experiments.commands.doctor.Options"),
    Script("experiments/overview.py", "experiments.overview.Options"),
    Script("experiments/hebbff_table.py", "experiments.hebbff_table.Tables"),
    Script("experiments/ablation.py", "experiments.config.ablation.Ablation"),
    Script("experiments/hinton_extras.py", "experiments.hinton_extras.Extras"),
    Script("experiments/next_character.py", "experiments.characters.settings.NextCharacter"),
)


def text() -> str:
    """The options of all scripts; those of the same settings once, then the defaults that a script has of its own.

    Of settings that add to earlier ones, only what they add is listed.
    """
    parts = []
    listed: dict[type[Any], dict[str, str]] = {}
    for settings in dict.fromkeys(script.settings for script in SCRIPTS):
        scripts = [script for script in SCRIPTS if script.settings == settings]
        common = options(_imported(settings))
        base = next((cls for cls in listed if issubclass(_imported(settings), cls)), None)
        shown = [line for name, line in common.items() if base is None or name not in listed[base]]
        added = "" if base is None else f", beside those of {base.__name__}"
        listed[_imported(settings)] = common
        parts.append("\n".join([*(f"# {script.path}{added}" for script in scripts), *shown]))
        for script in scripts:
            own = own_defaults(script)
            differing = [name for name, line in options_of(script).items() if line != common[name]]
            lines = [f"--{_dashed(name)} = {_value(own[name])}" for name in differing]
            parts += ["\n".join([f"# Defaults of {script.path}", *lines])] if lines else []
    return "\n\n".join(parts) + "\n"


def options_of(script: Script) -> dict[str, str]:
    """The options of a script by the name of their field, with the script's own defaults."""
    return options(_imported(script.settings), own_defaults(script))


def own_defaults(script: Script) -> dict[str, object]:
    """The defaults that a script names itself, by the name of their field."""
    named = {} if script.default is None else values_of(_imported(script.default))
    return named | dict(script.differs)


def options(cls: type[Any], own: Mapping[str, object] | None = None) -> dict[str, str]:
    """Every field of a settings dataclass as a line `--name: choices or type = default`.

    Args:
        cls: the dataclass.
        own: defaults that take the place of those of the class, by the name of their field.
    """
    hints = typing.get_type_hints(cls, include_extras=True)
    defaults = {option.name: _default(option) for option in fields(cls)} | dict(own or {})
    return {name: _line(name, hints[name], default) for name, default in defaults.items()}


def values_of(settings: Any) -> dict[str, object]:
    """The value of every field of a settings object."""
    return {option.name: getattr(settings, option.name) for option in fields(settings)}


def _imported(dotted: str) -> Any:
    module, _, name = dotted.rpartition(".")
    return getattr(import_module(module), name)


def _default(option: Field[Any]) -> object:
    return option.default if option.default_factory is MISSING else option.default_factory()


def _line(name: str, hint: object, default: object) -> str:
    positional = tyro.conf.Positional in getattr(hint, "__metadata__", ())
    shown = _dashed(name).upper() if positional else f"--{_dashed(name)}"
    return f"{shown}: {_takes(hint)}" + (", required" if default is MISSING else f" = {_value(default)}")


def _dashed(name: str) -> str:
    return name.replace("_", "-")


def _takes(hint: object) -> str:
    """The choices, or the type."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _takes(arguments[0])
    if origin is Literal:
        return " | ".join(map(str, arguments))
    if origin in (Union, UnionType):
        return " | ".join(map(_takes, arguments))
    if origin is tuple and arguments[1:] == (...,):
        return f"any number of ({_takes(arguments[0])})"
    return type_text(hint)


def _value(value: object) -> str:
    """A default as one would write it on the command line."""
    if isinstance(value, tuple | list):
        return " ".join(map(_value, value)) or "()"
    return value.as_posix() if isinstance(value, PurePath) else str(value)
