"""Settings in words: the command that leads to them, and how two runs differ."""

import shlex
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from experiments.commands.train import parse
from experiments.config.differences import ASIDE, changed_from_preset, differences, method_key, method_of, shown
from experiments.config.presets import recipe_for
from experiments.config.settings import Settings
from experiments.config.written import command_of

SETTINGS: tuple[dict[str, Any], ...] = (
    {},
    {"label_at": "output"},
    {"rule": "hebbff", "label_at": "output"},
    {"rule": "hebbff", "stabilise": ("oja", "decay")},
    {"rule": "bp", "dataset": "mnist"},
    {"rule": "local_head", "label_regions": 2},
    {"rule": "softhebb", "model": "deephebb", "losers": "none"},
    {"rule": "ghl", "signal": "sign", "dataset": "digits"},
    {"rule": "recurrent", "model": "recurrent_mlp", "counted": (2, 4)},
    {"label_at": "blocks", "label_regions": 4, "dataset": "fashion_mnist"},
    {"label_at": "stream"},
    {"labels": "morph", "preset": "paper", "skip": True, "model": "cnn6", "pool_after": ()},
    {"net": "wide", "rule": "hebbff", "dataset": "digits"},
    {"model": "mlp", "widths": (16, 8), "redraw": False, "lr": 1e-4, "seed": 3, "out": Path("my runs")},
    {"order": "one_by_one", "cache_gib": 0.5, "redraw": False, "report": False, "model": "mlp"},
)


@pytest.mark.parametrize("given", SETTINGS, ids=str)
def test_the_command_leads_to_the_settings(given: dict[str, Any]) -> None:
    settings = replace(Settings(), **given)
    command = command_of(settings)
    assert command is not None
    tool, verb, *arguments = shlex.split(command)
    assert (tool, verb) == ("convff", "train")
    assert parse(arguments, "convff train") == settings


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist", "folder", "-x", "photos"])
def test_a_folder_is_no_data_set_of_its_name(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for kind in ("cats", "dogs"):
        (tmp_path / name / kind).mkdir(parents=True)
    settings = replace(Settings(), dataset="folder", data_dir=Path(name), label_at="output")
    command = command_of(settings)
    assert command is not None
    assert parse(shlex.split(command)[2:], "convff train") == settings


def test_settings_that_no_command_line_takes() -> None:
    assert command_of(Settings(rule="bp", label_at="output")) is None


def test_differences_are_found_one_by_one() -> None:
    one, other = Settings(seed=1, out=Path("a")), Settings(rule="hebbff", widths=(8, 4), seed=2, device="cpu")
    found = {each.name: (each.before, each.after) for each in differences(one, other)}
    expected = {
        each.name: (getattr(one, each.name), getattr(other, each.name))
        for each in fields(Settings)
        if each.name not in ASIDE and getattr(one, each.name) != getattr(other, each.name)
    }
    assert found == expected == {"rule": ("ff", "hebbff"), "widths": (None, (8, 4))}
    assert [str(each) for each in differences(one, other)] == ["rule: ff -> hebbff", "widths: default -> 8 4"]
    assert differences(one, one) == []
    assert method_of(one).keys() | set(ASIDE) == {each.name for each in fields(Settings)}


def test_one_method_is_one_whatever_its_seed_and_version() -> None:
    recipe = {"model": "mlp", "lr": 0.1}
    assert method_key(Settings(seed=1), recipe) == method_key(Settings(seed=2, device="cpu"), recipe)
    assert method_key(Settings(), recipe) != method_key(Settings(lr=0.1), recipe)
    assert method_key(Settings(), recipe) != method_key(Settings(), recipe | {"lr": 0.2})
    assert method_key(Settings(), recipe) == method_key(Settings(), recipe | {"stagger": 0.0})  # a later number


@pytest.mark.parametrize("given", SETTINGS, ids=str)
def test_what_changes_the_preset_is_all_that_is_needed(given: dict[str, Any]) -> None:
    settings = replace(Settings(), **given)
    changed = changed_from_preset(settings)
    rebuilt: dict[str, Any] = {each.name: each.value for each in changed}
    assert recipe_for(replace(Settings(dataset=settings.dataset), **rebuilt)) == recipe_for(settings)
    assert all(each.value != each.usual for each in changed)


def test_values_in_words() -> None:
    assert shown({"widths": [8, 16], "pool": True}) == "widths 8 16, pool yes"
    assert [shown(value) for value in (0.006, 1e-05, 3, Path("a/b"))] == ["0.006", "1e-05", "3", "a/b"]
