"""The command line that leads to given settings. Imports no torch."""

import shlex
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from experiments.config.command_line import Asked, settings_asked_for
from experiments.config.differences import names_in_order
from experiments.config.names import names_in
from experiments.config.ranges import option
from experiments.config.settings import Settings

DECIDED = ("labels", "label_at")  # options that other options decide if they are omitted


def command_of(settings: Settings) -> str | None:
    """Return the shortest command that makes a run with these settings; None if no command does.

    Example:
        >>> print(command_of(Settings(dataset="mnist", labels="morph", epochs=3, widths=(8, 16), model="mlp")))
        convff train mnist --labels morph --model mlp --widths 8 16 --epochs 3
        >>> print(command_of(Settings(dataset="folder", data_dir=Path("photos"), label_at="output")))
        convff train photos
    """
    own = settings.dataset == "folder" and settings.data_dir is not None
    aside = {"dataset", "resume"} | ({"data_dir"} if own else set())
    fixed = {name: getattr(settings, name) for name in aside - {"resume"}}
    values = {name: getattr(settings, name) for name in names_in_order() if name not in aside}
    changed = {name for name, value in values.items() if value != getattr(Settings, name)}
    for named in _choices():
        given = {name: values[name] for name in values if name in changed - set(DECIDED) or name in named}
        if settings_asked_for(Asked(**(fixed | given))) == settings:
            data = _typed(str(settings.data_dir)) if own else settings.dataset
            return shlex.join(["convff", "train", data, *(w for name in given for w in _words(name, values[name]))])
    return None


def without_paths(settings: Settings) -> Settings:
    """Return settings that name nothing of one machine, but for the name of a folder of images.

    Example:
        >>> print(command_of(without_paths(Settings(dataset="digits", label_at="output", out=Path("elsewhere")))))
        convff train digits
    """
    own = settings.dataset == "folder" and settings.data_dir is not None
    data = Path(settings.data_dir.name) if own and settings.data_dir is not None else None
    return replace(settings, data_dir=data, out=Settings.out, device=Settings.device, tensorboard=False, resume=None)


def _typed(folder: str) -> str:
    """Return a folder as it is typed: named like a data set, or like an option, it begins with `./`.

    Example:
        >>> _typed("photos"), _typed("fashion-mnist"), _typed("-x")
        ('photos', './fashion-mnist', './-x')
    """
    named = names_in("experiments/datasets/__init__.py", "DATASETS")
    return f"./{folder}" if folder.replace("-", "_") in named or folder.startswith("-") else folder


def _choices() -> Iterator[tuple[str, ...]]:
    """Yield which of the options that others decide are written, the fewest first."""
    yield ()
    for name in DECIDED:
        yield (name,)
    yield DECIDED


def _words(name: str, value: Any) -> list[str]:
    """Return an option as it is typed.

    Example:
        >>> _words("skip", True), _words("redraw", False), _words("report", False), _words("pool_after", ())
        (['--skip'], ['--redraw', 'False'], ['--no-report'], ['--pool-after'])
    """
    if isinstance(getattr(Settings, name), bool):
        return [option(name) if value else option(f"no_{name}")]
    return [option(name), *(map(str, value) if isinstance(value, tuple) else [str(value)])]
