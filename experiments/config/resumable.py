"""What may be given together with `--resume RUN`. Imports no torch."""

from dataclasses import fields, replace

from experiments.config.ranges import option
from experiments.config.settings import Settings, SettingsError

MAY_CHANGE = ("epochs", "device", "data_dir", "require_data", "compile", "report", "tensorboard")
"""Settings that a resumed run may have otherwise; all others are those that it began with."""


def resuming(default: Settings, asked: Settings, unasked: Settings) -> Settings:
    """Return settings that name a run to resume, and what it may have otherwise.

    Args:
        default: the settings of the script.
        asked: what the command line says.
        unasked: what it says without any option.

    Raises:
        SettingsError: there is no such run, or an option is given that the run has settled.
    """
    if asked.resume is None or not (asked.resume / "settings.json").is_file():
        raise SettingsError(f"--resume must name the folder of a run, with its settings.json, got {asked.resume}")
    besides = given_besides(asked, unasked)
    if besides:
        allowed = ", ".join(map(option, MAY_CHANGE))
        raise SettingsError(
            f"--resume takes the settings of the run, so {', '.join(besides)} cannot be given; allowed: {allowed}"
        )
    return replace(default, resume=asked.resume, **{name: getattr(asked, name) for name in MAY_CHANGE})


def given_besides(asked: Settings, default: Settings) -> list[str]:
    """Return the options that may not be given with `--resume`, as they are written.

    Args:
        asked: what the command line says.
        default: what it says without any option.

    Example:
        >>> given_besides(Settings(epochs=3, lr=0.1), Settings())
        ['--lr']
    """
    names = (each.name for each in fields(default) if each.name not in (*MAY_CHANGE, "resume"))
    return [option(name) for name in names if getattr(asked, name) != getattr(default, name)]
