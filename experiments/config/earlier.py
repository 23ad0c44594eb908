"""The settings of an earlier run, to run again with one of them changed. Imports no torch."""

import json
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

from experiments.config.presets import recipe_for
from experiments.config.settings import Settings, SettingsError, settings_from_json


def earlier_settings(path: Path) -> tuple[Settings, dict[str, Any]]:
    """Return the settings of a run and its recipe, as they were written.

    Args:
        path: the run folder, or its `settings.json`.

    Raises:
        SettingsError: there is no such file, or no run wrote it.
    """
    file = path / "settings.json" if path.is_dir() else path
    try:
        about = json.loads(file.read_text(encoding="utf-8"))
        return replace(settings_from_json(about["settings"]), resume=None), dict(about["recipe"])
    except FileNotFoundError as error:
        raise SettingsError(f"--config {path}: there is no file {file}") from error
    except (KeyError, TypeError, ValueError, OSError) as error:
        raise SettingsError(f"--config {path}: {file} was not written by a run: {str(error)[:500]}") from error


def changes(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """Return what differs between two mappings of names to values, a line each.

    Example:
        >>> changes({"rule": "ff", "lr": None}, {"rule": "hebbff", "lr": None})
        ['rule: ff -> hebbff']
    """
    names = [*before, *(name for name in after if name not in before)]
    pairs = [(name, _plain(before.get(name)), _plain(after.get(name))) for name in names]
    return [f"{name}: {old} -> {new}" for name, old, new in pairs if old != new]


def changed_settings(before: Settings, after: Settings) -> list[str]:
    """Return what differs between two settings, a line each.

    Example:
        >>> changed_settings(Settings(), Settings(label_at="output", seed=1))
        ['label_at: image -> output', 'seed: 0 -> 1']
    """
    names = [each.name for each in fields(Settings)]
    old, new = ({name: getattr(settings, name) for name in names} for settings in (before, after))
    return changes(old, new)


def changed_presets(settings: Settings, recipe: dict[str, Any]) -> list[str]:
    """Return what the same settings lead to now that they did not lead to when a run was made, a line each.

    Args:
        settings: the settings of the run.
        recipe: the recipe of the run. Names that it lacks are of a later version, and are not compared.
    """
    now = asdict(recipe_for(settings))
    known = [name for name in recipe if name in now]
    return changes({name: recipe[name] for name in known}, {name: now[name] for name in known})


def _plain(value: Any) -> Any:
    """Return a value as JSON would give it back."""
    if isinstance(value, tuple | list):
        return [_plain(each) for each in value]
    if isinstance(value, dict):
        return {str(name): _plain(each) for name, each in value.items()}
    return str(value) if isinstance(value, Path) else value
