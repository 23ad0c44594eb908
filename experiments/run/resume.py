"""Going on with a run: the settings of its folder, what may change, and a record of it."""

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from experiments.config.presets import recipe_for
from experiments.config.ranges import own_files
from experiments.config.resumable import MAY_CHANGE
from experiments.config.settings import Settings, SettingsError, settings_from_json
from experiments.run.folder import refuse_own_files
from experiments.run.parts import Parts
from experiments.run.training import Training
from experiments.tools import machine


def resumed_settings(asked: Settings) -> Settings:
    """Return the settings of the run that `asked.resume` names, with what may change as it is asked for.

    Raises:
        SettingsError: the folder holds no run, or one that is finished and shall not get more epochs; or it names files
            of somebody's own, see `refuse_own_files`.
    """
    assert asked.resume is not None
    about = _about(asked.resume)
    default = Settings()
    changed = {name: getattr(asked, name) for name in MAY_CHANGE if getattr(asked, name) != getattr(default, name)}
    if (asked.resume / "results.json").exists():
        done = about["recipe"]["epochs"]
        if asked.epochs is None:
            raise SettingsError(
                f"--resume {asked.resume}: the run is finished; give --epochs N to train it on, to N epochs in all"
            )
        if (order := about["recipe"].get("order", "together")) != "together":
            raise SettingsError(
                f"--epochs {asked.epochs} cannot be used with --resume {asked.resume}, a finished run whose blocks "
                f"learnt {order}: more epochs of the lower blocks would change what the upper ones learnt on"
            )
        if asked.epochs <= done:
            raise SettingsError(f"--epochs must be more than the {done} that {asked.resume} has, got {asked.epochs}")
    settings = replace(settings_from_json(about["settings"]), **changed, seeds=1, resume=asked.resume)
    _refuse_changed_files(settings)
    refuse_own_files(settings, asked.resume)
    return settings


def _about(folder: Path) -> dict[str, Any]:
    """Read `settings.json` of a run."""
    try:
        about: dict[str, Any] = json.loads((folder / "settings.json").read_text(encoding="utf-8"))
        settings_from_json(about["settings"])
        int(about["recipe"]["epochs"])
    except FileNotFoundError as error:
        raise SettingsError(f"--resume {folder}: there is no settings.json, so it is no run folder") from error
    except (KeyError, TypeError, ValueError, OSError) as error:
        raise SettingsError(f"--resume {folder}: settings.json was not written by a run: {error!r}") from error
    return about


def _refuse_changed_files(settings: Settings) -> None:
    """Raise if a file of the user's own is not the one that the run was started with."""
    assert settings.resume is not None
    for file in own_files(settings):
        kept = settings.resume / "own" / file.name
        if kept.exists() and file.exists() and kept.read_bytes() != file.read_bytes():
            raise SettingsError(f"--resume {settings.resume}: {file} has changed since; the run's copy is {kept}")


def settings_file(parts: Parts, training: Training, commit: str | None) -> dict[str, Any]:
    """Return the content of `settings.json`; a resumed run adds where it went on, and with which versions."""
    settings = parts.settings
    content: dict[str, Any] = {
        "settings": settings.as_json(),
        "recipe": asdict(parts.recipe),
        "preset": asdict(recipe_for(settings)),  # the recipe before it was fitted to the data
        "labels": training.labels_at_start,
    }
    if settings.resume is None:
        return content
    resumed = _about(settings.resume).get("resumed", [])
    at = {"at": str(training.trainer.position), "git_commit": commit, "versions": machine.package_versions()}
    return content | {"resumed": [*resumed, at]}


def keep_results(folder: Path) -> None:
    """Give the results of a run that is trained on a name of their own: `results-N-epochs.json`."""
    path = folder / "results.json"
    if path.exists():
        path.rename(folder / f"results-{_about(folder)['recipe']['epochs']}-epochs.json")
