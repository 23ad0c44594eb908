"""The command line of a run: what it may ask for. Imports no torch, so that `--help` is quick."""

import math
import os
import sys
from dataclasses import replace

import tyro

from experiments.config.settings import RENAMED, Settings, SettingsError
from experiments.tools.command import exit_on

LEAST = {
    "seeds": 1,
    "epochs": 1,
    "batch_size": 2,
    "negatives": 1,
    "train_images": 2,
    "width": 1,
    "candidates": 0,
    "label_regions": 1,
    "stabiliser_strength": 0,
}


def check(settings: Settings) -> Settings:
    """Refuse settings that no run can follow.

    Raises:
        SettingsError: a number out of its range.

    Example:
        >>> check(Settings(label_intensity=2.0))
        Traceback (most recent call last):
        ...
        experiments.config.settings.SettingsError: --label-intensity must lie in [0, 1], not 2.0
    """
    intensity = settings.label_intensity
    if intensity is not None and not 0 <= intensity <= 1:
        raise SettingsError(f"--label-intensity must lie in [0, 1], not {intensity}")
    if settings.momentum is not None and not 0 <= settings.momentum < 1:
        raise SettingsError(f"--momentum must lie in [0, 1), not {settings.momentum}")
    for name in ("scale", "lr", "label_scale"):
        value = getattr(settings, name)
        if value is not None and not 0 < value < float("inf"):
            raise SettingsError(f"--{name.replace('_', '-')} must be positive, not {value}")
    if settings.theta is not None and not math.isfinite(settings.theta):
        raise SettingsError(f"--theta must be a finite number, not {settings.theta}")
    if len(set(settings.stabilise)) < len(settings.stabilise):
        raise SettingsError(f"--stabilise names a stabiliser twice: {' '.join(settings.stabilise)}")
    existing = next(place for place in (settings.out, *settings.out.absolute().parents) if place.exists())
    if not (existing.is_dir() and os.access(existing, os.W_OK)):
        raise SettingsError(f"--out {settings.out} cannot be made: {existing} is not a folder that can be written to")
    for name, least in LEAST.items():
        value = getattr(settings, name)
        if value is not None and value < least:
            raise SettingsError(f"--{name.replace('_', '-')} must be at least {least}, not {value}")
    return settings


def parse(default: Settings, description: str | None, arguments: list[str] | None = None) -> Settings:
    """Read settings from the command line of a script; exits with 2 and a message where they are wrong.

    Numbers out of range are refused here already, before anything slow is imported.

    Args:
        default: what the script does if nothing is said.
        description: the head of its help.
        arguments: the command line; that of the process if omitted.
    """
    settings = tyro.cli(Settings, default=default, args=arguments, description=description)
    if settings.preset in RENAMED:
        print(f"note: preset {settings.preset} is now called {RENAMED[settings.preset]}", file=sys.stderr)
        settings = replace(settings, preset=RENAMED[settings.preset])
    with exit_on(SettingsError):
        check(settings)
    return settings
