"""Train and judge a network on a known data set, or on images of your own.

Example: `convff train mnist --labels fourier --rule hebbff`, or `convff train photos/`. DATA is the name of a data set,
or a folder or an archive with a folder of images per class. The options are those of the scripts in `experiments/`.
With `--config RUN` an earlier run is repeated, but for the options given; `--resume RUN` goes on with one.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self, TypeVar

import tyro

from experiments.config.command_line import Asked, parse_as
from experiments.config.differences import differences
from experiments.config.earlier import changed_presets, earlier_settings
from experiments.config.names import names_in
from experiments.config.ranges import own_files
from experiments.config.settings import Settings, SettingsError
from experiments.run.folder import refuse_own_files
from experiments.tools.command import exit_on

KNOWN = tuple(name for name in names_in("experiments/datasets/__init__.py", "DATASETS") if name != "folder")
NAMES = {"data": "DATA", "config": "--config"}


@dataclass(frozen=True, kw_only=True)
class Options(Asked):
    """Train and judge a network on a known data set, or on images of your own."""

    data: tyro.conf.Positional[str | None] = None
    """Name of a data set, such as mnist; or a folder or an archive with a folder of images per class."""

    config: Path | None = None
    """A run folder or its settings.json: repeat it with the options given, and print what differs."""

    def completed(self) -> Self:
        """Return the options with the data set that DATA names.

        Raises:
            SettingsError: DATA is missing or unknown.
        """
        if self.data is not None:
            given = self if self.config is None else _elsewhere(self, earlier_settings(self.config)[0])
            return replace(given, **_named(self.data, given.data_dir))
        if self.config is None:
            raise SettingsError(f"DATA is missing: {', '.join(KNOWN)}, or a folder or an archive of images")
        return self


SomeOptions = TypeVar("SomeOptions", bound=Options)


def parse(arguments: Sequence[str], prog: str) -> Settings:
    """Read the settings from a command line; exit with 2 and a message if they are invalid.

    Args:
        arguments: what stands after `convff train`.
        prog: the name of the program in its help.
    """
    return read_options(Options, arguments, prog, __doc__)[1]


def read_options(
    kind: type[SomeOptions], arguments: Sequence[str], prog: str, description: str | None, **fixed: Any
) -> tuple[SomeOptions, Settings]:
    """Read these options, or a subclass with further ones, and the settings that they lead to; see `parse`.

    Args:
        kind: the class of the options.
        arguments: the command line.
        prog: the name of the program in its help.
        description: the text above the options in its help.
        fixed: settings that an earlier run cannot change, by name.
    """
    with exit_on(SettingsError):
        earlier = _config(arguments)
        before, preset = (Settings(), {}) if earlier is None else earlier_settings(earlier)
    default = replace(before, **fixed)
    asked, settings = parse_as(kind, default, description, list(arguments), decided=earlier is not None, prog=prog)
    with exit_on(SettingsError):
        for name in ("data", "config") if asked.resume is not None else ():
            if getattr(asked, name) is not None:
                raise SettingsError(f"--resume takes the settings of the run, so {NAMES[name]} cannot be given")
    if earlier is not None:
        with exit_on(SettingsError):  # before their code is run: whoever made the run folder chose the files
            if set(own_files(before)) & set(own_files(settings)):
                refuse_own_files(before, earlier)
        _say_what_differs(before, settings, preset)
    return asked, settings


def main(settings: Settings) -> int:
    """Run all seeds; return 0, or exit with the code of the error (`experiments.run.train.EXIT_CODES`)."""
    from experiments.run import train

    train.main(settings)
    return 0


def _config(arguments: Sequence[str]) -> Path | None:
    """Return what `--config` names, before the other options are read: it gives their defaults."""
    for place, argument in enumerate(arguments):
        name, equals, value = argument.partition("=")
        if name == "--config" and (equals or place + 1 < len(arguments)):
            return Path(value if equals else arguments[place + 1])
    return None


def _named(data: str, data_dir: Path | None) -> dict[str, Any]:
    """Return the settings for what DATA names.

    Example:
        >>> _named("mnist", None)
        {'dataset': 'mnist'}
    """
    name = data.replace("-", "_")
    if name in KNOWN:
        return {"dataset": name}
    if not Path(data).exists():
        raise SettingsError(f"DATA must be {', '.join(KNOWN)}, or a folder or an archive of images, got {data!r}")
    if data_dir is not None:
        raise SettingsError(f"--data-dir {data_dir} cannot be used with DATA {data}, which says where the images are")
    return {"dataset": "folder", "data_dir": Path(data)}


def _elsewhere(asked: SomeOptions, before: Settings) -> SomeOptions:
    """Return options without what an earlier run said about its images, where DATA names others."""
    name = (asked.data or "").replace("-", "_")
    if name not in KNOWN or before.dataset == "folder":  # known data sets may lie in one folder
        asked = asked if asked.data_dir != before.data_dir else replace(asked, data_dir=None)
    if name in KNOWN:  # these two are about images of one's own
        for each in ("image_size", "on_bad_image"):
            if getattr(asked, each) == getattr(before, each):
                asked = replace(asked, **{each: getattr(Settings, each)})
    return asked


def _say_what_differs(before: Settings, after: Settings, preset: dict[str, Any]) -> None:
    found = differences(before, after, aside=())
    lines = "; ".join(map(str, found))
    print(f"as the earlier run, but for {lines}" if lines else "as the earlier run", file=sys.stderr)
    if "preset" not in {each.name for each in found} and (since := changed_presets(before, preset)):
        print(f"note: its preset has changed since: {'; '.join(map(str, since))}", file=sys.stderr)
