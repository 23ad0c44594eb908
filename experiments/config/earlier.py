"""The settings of an earlier run, to run again with one of them changed. Imports no torch."""

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from experiments.config.differences import Difference, recipe_differences
from experiments.config.presets import recipe_for
from experiments.config.settings import Settings, SettingsError, settings_from_json


def earlier_settings(path: Path) -> tuple[Settings, dict[str, Any]]:
    """Return the settings of a run and what its preset said, before that was fitted to the data, as they were written.

    Runs of an earlier version did not write what their preset said; an empty one is returned for them.

    Args:
        path: the run folder, or its `settings.json`.

    Raises:
        SettingsError: there is no such file, or no run wrote it.
    """
    file = path / "settings.json" if path.is_dir() else path
    try:
        about = json.loads(file.read_text(encoding="utf-8"))
        return replace(settings_from_json(about["settings"]), resume=None), dict(about.get("preset", {}))
    except FileNotFoundError as error:
        raise SettingsError(f"--config {path}: there is no file {file}") from error
    except (KeyError, TypeError, ValueError, OSError) as error:
        raise SettingsError(f"--config {path}: {file} was not written by a run: {str(error)[:500]}") from error


def changed_presets(settings: Settings, preset: dict[str, Any]) -> list[Difference]:
    """Return what the preset says now for the same settings that it did not say when a run was made.

    Args:
        settings: the settings of the run.
        preset: what it said then. Names that it lacks are of a later version, and are not compared.
    """
    now = asdict(recipe_for(settings))
    known = [name for name in preset if name in now]
    as_json = json.loads(json.dumps({name: now[name] for name in known}))
    return recipe_differences({name: preset[name] for name in known}, as_json)
