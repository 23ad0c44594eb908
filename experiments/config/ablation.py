"""Options of `experiments/ablation.py`, and the settings file that it reads. Imports no torch."""

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, get_type_hints

import tyro

from experiments.config.command_line import check
from experiments.config.settings import Settings, SettingsError
from experiments.config.values import did_you_mean, typed_value

# Settings that the file may not hold, and why.
NOT_IN_THE_FILE = {
    "epochs": "they follow from --minutes and the measured speed",
    "seeds": "a row is trained once; --seed repeats the table with another seed",
    "inference": "a row is judged by its rule's own evaluation; --readout adds the linear readout",
    "out": "it belongs on the command line: --out",
    "data_dir": "it depends on the machine: give --data-dir on the command line",
    "resume": "a row is trained from its start; --resume on the command line continues the table",
}
NOT_IN_A_ROW = dict.fromkeys(
    ("dataset", "require_data", "device"), "all rows share the data and the machine: set it in [base]"
)


@dataclass(frozen=True, kw_only=True)
class Ablation:
    """Train every row of a table of settings for equal minutes, judged by validation images."""

    file: tyro.conf.Positional[Path]
    """The table, in TOML. [base] holds settings; each [[row]] has a name, an optional sentence `about` it, and the
    settings that differ from the base."""

    minutes: float
    """Minutes of training per row, without the time to measure its speed and to judge it."""

    rows: tuple[str, ...] = ()
    """Train only the rows with these names. Default: all."""

    readout: bool = False
    """Also judge by the linear readout: about a minute per row on two cores."""

    resume: bool = False
    """Continue an earlier run of the same command: train only the missing rows."""

    seed: int | None = None
    """Seed of every random draw, instead of the file's."""

    device: str | None = None
    """Where to compute, instead of the file's device; see `experiments/cifar10.py --help`."""

    data_dir: Path | None = None
    """Folder of the data; see `experiments/cifar10.py --help`."""

    out: Path = Path("ablations")
    """Folder for the tables."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """A row of the table.

    Args:
        name: its name in the table.
        about: what it tries, in a sentence; may be empty.
        changes: the settings that it changes, as in the file.
        settings: all its settings.
    """

    name: str
    about: str
    changes: dict[str, Any]
    settings: Settings


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The checked content of a settings file.

    Args:
        base: the settings of all rows, from the file and `--seed`.
        settings: the same, with every default.
        rows: the rows, in the order of the file.
    """

    base: dict[str, Any]
    settings: Settings
    rows: tuple[Row, ...]

    def asked(self, names: tuple[str, ...]) -> list[Row]:
        """Return the rows with these names, in the order of the file; all if no name is given.

        Example:
            >>> rows = tuple(Row(name=name, about="", changes={}, settings=Settings()) for name in ("slow", "fast"))
            >>> [row.name for row in Plan(base={}, settings=Settings(), rows=rows).asked(("fast",))]
            ['fast']
        """
        known = [row.name for row in self.rows]
        for name in names:
            if name not in known:
                raise SettingsError(f"--rows {name}: there is no such row{did_you_mean(name, known)}")
        return [row for row in self.rows if not names or row.name in names]


def read_plan(asked: Ablation) -> Plan:
    r"""Read the file and check everything that needs no data.

    Raises:
        SettingsError: `--minutes`, the file or one of its rows is invalid; the message names the row.

    Example:
        >>> from tempfile import NamedTemporaryFile
        >>> with NamedTemporaryFile("w", suffix=".toml") as file:
        ...     _ = file.write('[base]\nlabel_at = "output"\n[[row]]\nname = "small steps"\nlr = 1e-3')
        ...     file.flush()
        ...     plan = read_plan(Ablation(file=Path(file.name), minutes=2))
        >>> [(row.name, row.changes, row.settings.label_at) for row in plan.rows]
        [('small steps', {'lr': 0.001}, 'output')]
    """
    if not (0 < asked.minutes < math.inf):
        raise SettingsError(f"--minutes must be positive and finite, got {asked.minutes}")
    content = _content(asked.file)
    base = dict(content["base"])
    if asked.seed is not None:
        base["seed"] = asked.seed
    settings = _settings(base, "[base]", asked)
    rows = tuple(_row(number, row, base, asked) for number, row in enumerate(content["row"], start=1))
    names = [row.name for row in rows]
    for name in names:
        if names.count(name) > 1:
            raise SettingsError(f'row "{name}": {names.count(name)} rows have this name')
    plan = Plan(base=base, settings=settings, rows=rows)
    plan.asked(asked.rows)
    return plan


def _content(file: Path) -> dict[str, Any]:
    """Return the tables of the file: `base`, and at least one `row`."""
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise SettingsError(f"{file} cannot be read: {reason}") from error
    content = {"base": {}, "row": []} | content
    for name in content:
        if name not in ("base", "row"):
            raise SettingsError(f"{file}: {name} is neither [base] nor [[row]]")
    base, rows = content["base"], content["row"]
    if not (isinstance(base, dict) and isinstance(rows, list) and all(isinstance(row, dict) for row in rows)):
        raise SettingsError(f"{file}: settings must be in a table [base] and in tables [[row]]")
    if not rows:
        raise SettingsError(f"{file} has no [[row]]")
    return content


def _row(number: int, given: Mapping[str, Any], base: dict[str, Any], asked: Ablation) -> Row:
    """Return a row of the file, with all its settings."""
    changes = dict(given)
    name, about = changes.pop("name", ""), changes.pop("about", "")
    if not (isinstance(name, str) and name.strip()):
        raise SettingsError(f"row {number} has no name" if name == "" else f"row {number}: name must be a string")
    where = f'row "{name}"'
    if not isinstance(about, str):
        raise SettingsError(f"{where}: about must be a string, got {about!r}")
    for setting, reason in NOT_IN_A_ROW.items():
        if setting in changes:
            raise SettingsError(f"{where}: {setting} cannot be set here: {reason}")
    _typed(changes, where)  # so that an error names the row; the base was checked before
    return Row(name=name, about=about, changes=changes, settings=_settings(base | changes, where, asked))


def _settings(given: dict[str, Any], where: str, asked: Ablation) -> Settings:
    """Return checked settings: the given ones, those of the command line, and the defaults of a table."""
    own: dict[str, Any] = {"inference": ("goodness",), "out": asked.out, "data_dir": asked.data_dir}
    if asked.device is not None:
        own["device"] = asked.device
    settings = Settings(**({"evaluate_on": "validation"} | _typed(given, where) | own))
    if settings.evaluate_on != "validation":
        raise SettingsError(
            f'{where}: evaluate_on must be "validation", got "{settings.evaluate_on}": this table chooses settings, '
            "which test images must not do. Report on the test images with an ordinary run"
        )
    try:
        return check(settings)
    except SettingsError as error:
        raise SettingsError(f"{where}: {error}") from error


def _typed(given: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Return the settings, converted to their types."""
    known = {each.name for each in fields(Settings)}
    kinds, typed = get_type_hints(Settings, include_extras=True), {}
    for name, value in given.items():
        if name not in known:
            raise SettingsError(f"{where}: there is no setting {name}{did_you_mean(name, [*known, 'name', 'about'])}")
        if name in NOT_IN_THE_FILE:
            raise SettingsError(f"{where}: {name} cannot be set here: {NOT_IN_THE_FILE[name]}")
        try:
            typed[name] = typed_value(kinds[name], value)
        except ValueError as error:
            raise SettingsError(f"{where}: {name}: {error}") from error
    return typed
