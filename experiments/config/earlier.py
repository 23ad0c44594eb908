"""The settings of an earlier run, to run again with one of them changed. Imports no torch."""

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from experiments.config.differences import Difference, recipe_differences
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


def changed_presets(settings: Settings, recipe: dict[str, Any]) -> list[Difference]:
    """Return what the same settings lead to now that they did not lead to when a run was made.

    Args:
        settings: the settings of the run.
        recipe: the recipe of the run. Names that it lacks are of a later version, and are not compared.
    """
    now = asdict(recipe_for(settings))
    known = [name for name in recipe if name in now]
    as_json = json.loads(json.dumps({name: now[name] for name in known}))
    return recipe_differences({name: recipe[name] for name in known}, as_json)
