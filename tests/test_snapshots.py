"""The interface and the command line are as they were accepted: a change of either is seen before it is made."""

import runpy
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest
import tyro

from experiments.commands import COMMANDS
from tests import snapshots
from tests.snapshots import ACCEPT, SNAPSHOTS, accepted, difference
from tests.snapshots.api import package_text
from tests.snapshots.command_line import SCRIPTS, Script, options, options_of, values_of

ROOT = Path(__file__).parent.parent

FAKE = '''
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol

from torch import nn

__all__ = ["TABLE", "Base", "Measured", "Rule", "Say", "Settings", "Thing", "apply"]

TABLE = {"b": int, "a": str}


class Base(nn.Module):
    """A module without a constructor of its own."""

    def width(self) -> int: ...

    def depth(self) -> int: ...


class Measured(NamedTuple):
    value: float
    unit: str = "s"


class Rule(Protocol):
    name: str

    def direction(self, x: int) -> "Thing": ...


class Say(ValueError):
    pass


@dataclass(frozen=True, kw_only=True)
class Settings:
    names: list[str] = field(default_factory=list)
    out: Path = Path("runs") / "new"
    count: int | None = None


class _Hidden:
    def shared(self) -> None: ...


class Thing(Base, _Hidden):
    steps = 3

    def __init__(self, width: int, /, *sizes: int, deep: bool = False) -> None:
        super().__init__()

    @property
    def size(self) -> int: ...

    @classmethod
    def of(cls, other: "Thing") -> "Thing": ...

    def depth(self) -> float: ...

    def forward(self, x: int) -> int: ...

    def _private(self) -> None: ...


def apply(
    values: list[int],
    *,
    scale: float = 1.0,
    how: Callable[[int], int] = lambda x: x,
    where: Path | None = None,
    **rest: object,
) -> None: ...
'''

FAKE_TEXT = """\
# convff.fake

class Base(Module)
    depth(self) -> int
    width(self) -> int

class Measured(tuple)
    Measured(value: float, unit: str = 's')

class Rule: protocol
    direction(self, x: int) -> Thing
    name: str

class Say(ValueError)

class Settings: frozen dataclass
    Settings(*, names: list[str] = [], out: Path = 'runs/new', count: int | None = None)
    names: list[str] = []
    out: Path = 'runs/new'
    count: int | None = None

TABLE: table
    'a'
    'b'

class Thing(Base, Module)
    Thing(width: int, /, *sizes: int, deep: bool = False)
    depth(self) -> float
    forward(self, x: int) -> int
    classmethod of(cls, other: Thing) -> Thing
    shared(self) -> None
    property size -> int
    steps = 3

apply(
    values: list[int],
    *,
    scale: float = 1.0,
    how: Callable[[int], int] = <lambda>,
    where: Path | None = None,
    **rest: object,
) -> None
"""


def fake(source: str) -> ModuleType:
    module = ModuleType("convff.fake")  # the name makes its classes our own
    exec(source, vars(module))
    return module


@pytest.mark.parametrize("name", SNAPSHOTS)
def test_the_interface_is_the_accepted_one(name: str) -> None:
    changed = difference(accepted(name), SNAPSHOTS[name](), name)
    if changed:
        message = f"{name} has changed. If that is meant, accept it: {ACCEPT}, and name it in CHANGELOG.md."
        pytest.fail(f"{message}\n\n{changed}", pytrace=False)


def test_a_package_is_rendered_as_its_users_see_it() -> None:
    assert package_text(fake(FAKE)) == FAKE_TEXT


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("values: list[int]", "numbers: list[int]"),
        ("    *,\n", ""),
        ("scale: float = 1.0", "scale: float = 2.0"),
        ("def forward(self, x: int)", "def forward(self, x: float)"),
        ("def shared(self)", "def common(self)"),
        ("@property\n", "\n"),
        ("steps = 3", "steps = 4"),
        ("default_factory=list", "default_factory=tuple"),
        ("(frozen=True, kw_only=True)", "(frozen=True)"),
        ("Say(ValueError)", "Say(KeyError)"),
        ('"b": int', '"c": int'),
        ('"apply"]', "]"),
    ],
)
def test_a_change_of_the_interface_is_seen(old: str, new: str) -> None:
    assert FAKE.count(old) == 1
    assert package_text(fake(FAKE.replace(old, new))) != FAKE_TEXT


def test_a_renamed_parameter_is_shown_as_a_diff() -> None:
    changed = difference(FAKE_TEXT, package_text(fake(FAKE.replace("values: list", "numbers: list"))))
    assert "-    values: list[int]," in changed.splitlines()
    assert "+    numbers: list[int]," in changed.splitlines()


def test_what_is_not_public_is_not_seen() -> None:
    for old, new in [("_private", "_other"), ('"""A module', '"""Some module'), ("_Hidden", "_Concealed")]:
        assert old in FAKE
        assert package_text(fake(FAKE.replace(old, new))) == FAKE_TEXT


def test_accepting_writes_what_has_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshots, "FOLDER", tmp_path)
    monkeypatch.setattr(snapshots, "SNAPSHOTS", {"a.txt": lambda: "one\n"})
    assert snapshots.accept() == [tmp_path / "a.txt"]
    assert snapshots.accept() == []
    assert accepted("a.txt") == "one\n"


IN_FILES = [script for script in SCRIPTS if not script.path.startswith("convff ")]


@pytest.mark.parametrize("script", IN_FILES, ids=lambda script: script.path)
def test_a_script_parses_what_the_table_says(script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    """The snapshot is made from the table of scripts; the scripts themselves hold it to what they parse."""
    asked: list[dict[str, str]] = []

    def cli(settings: type, *, default: object = None, **_: object) -> None:
        asked.append(options(settings, None if default is None else values_of(default)))
        raise SystemExit

    monkeypatch.setattr(tyro, "cli", cli)
    monkeypatch.setattr(sys, "argv", [script.path])
    with pytest.raises(SystemExit):
        runpy.run_path(str(ROOT / script.path), run_name="__main__")
    assert asked == [options_of(script)]


def test_every_script_that_parses_options_is_in_the_table() -> None:
    parsing = [
        path.relative_to(ROOT).as_posix()
        for path in sorted((ROOT / "experiments").rglob("*.py"))
        if '__name__ == "__main__"' in (source := path.read_text())
        and ("tyro.cli(" in source or "= parse(" in source or "parse_as(" in source)
    ]
    assert sorted(script.path for script in IN_FILES) == sorted(parsing)


def test_every_command_of_the_tool_is_in_the_table() -> None:
    settings = {script.path: script.settings for script in SCRIPTS if script not in IN_FILES}
    for name in COMMANDS:
        options = import_module(f"experiments.commands.{name}").Options
        assert settings.pop(f"convff {name}") == f"{options.__module__}.{options.__qualname__}"
    assert not settings
