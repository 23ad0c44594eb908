"""The command line of a run: its options and their ranges. Imports no torch, so that `--help` is quick."""

import math
import os
import sys
from dataclasses import dataclass, fields, replace

import tyro

from experiments.config.settings import RENAMED, LabelName, PlaceName, Settings, SettingsError
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
    "similarity": 0,
}
PLACED_RULES = ("ff", "hebbff")  # rules whose label can be at several places
BEST_PLACE: PlaceName = "output"  # on CIFAR-10 and MNIST: see docs/places.md
IN_IMAGE = (
    "labels",
    "label_intensity",
    "label_selection",
    "label_scale",
    "negatives",
    "candidates",
    "contrast",
    "stabilise",
)
MOST = {"label_intensity": 1.0, "momentum": None, "stagger": None}  # None: less than 1


def check(settings: Settings) -> Settings:
    """Raise for settings that are out of range or contradict each other.

    Raises:
        SettingsError: a setting is out of its range, or `--out` cannot be made.

    Example:
        >>> check(Settings(label_intensity=2.0))
        Traceback (most recent call last):
        ...
        experiments.config.settings.SettingsError: --label-intensity must be in [0, 1], got 2.0
    """
    for name, most in MOST.items():
        value = getattr(settings, name)
        if value is not None and not (0 <= value < 1 or value == most):
            raise SettingsError(f"--{name.replace('_', '-')} must be in [0, 1{']' if most else ')'}, got {value}")
    for name in ("scale", "lr", "label_scale"):
        value = getattr(settings, name)
        if value is not None and not 0 < value < float("inf"):
            raise SettingsError(f"--{name.replace('_', '-')} must be positive and finite, got {value}")
    if settings.theta is not None and not math.isfinite(settings.theta):
        raise SettingsError(f"--theta must be finite, got {settings.theta}")
    if len(set(settings.stabilise)) < len(settings.stabilise):
        raise SettingsError(f"--stabilise must name each stabiliser once, got {' '.join(settings.stabilise)}")
    existing = next(place for place in (settings.out, *settings.out.absolute().parents) if place.exists())
    if not (existing.is_dir() and os.access(existing, os.W_OK)):
        raise SettingsError(f"--out {settings.out} cannot be made: {existing} is not a writable folder")
    for name, least in LEAST.items():
        value = getattr(settings, name)
        if value is not None and value < least:
            raise SettingsError(f"--{name.replace('_', '-')} must be at least {least}, got {value}")
    _check_layers(settings)
    return settings


def _check_layers(settings: Settings) -> None:
    """Raise for widths and poolings that no network can have."""
    if settings.width is not None and settings.widths is not None:
        raise SettingsError("--width and --widths cannot both be given: each sets all widths")
    if settings.widths == ():
        raise SettingsError("--widths must name at least one layer")
    for name in ("widths", "pool_after"):
        for value in getattr(settings, name) or ():
            if value < 1:
                raise SettingsError(f"--{name.replace('_', '-')} must be at least 1, got {value}")
    poolings = settings.pool_after or ()
    if len(set(poolings)) < len(poolings):
        raise SettingsError(f"--pool-after must name each layer once, got {' '.join(map(str, poolings))}")


@dataclass(frozen=True, kw_only=True)
class Asked(Settings):
    """Settings with optional labels and place: if omitted, the other settings decide."""

    labels: LabelName | None = None  # type: ignore[assignment]
    """How the label enters the image; implies --label-at image unless that is given. Default: fourier. FILE.py:NAME,
    here and in other options, takes a class from your own file."""

    label_at: PlaceName | None = None  # type: ignore[assignment]
    """Where the label meets the activity. image: in the image, by --labels; stream: each label is an image of its own,
    by --labels fourier, beside the images; beside: a label's wave is appended to the input of every block, with its
    own weights; blocks: every block tries all labels on its own input; output: each layer has a group of
    channels per class; gains: each channel has a gain per class. For the last three no image carries a label.
    Default: output, the best one; image if another option needs it."""


def _asking(default: Settings) -> Asked:
    """Return a script's default settings, with labels and place omitted if they have their default values."""
    values = {each.name: getattr(default, each.name) for each in fields(Settings)}
    left_out = {name for name in ("labels", "label_at") if values[name] == getattr(Settings, name)}
    return Asked(**(values | dict.fromkeys(left_out)))


def _settled(asked: Asked) -> Settings:
    """Decide on labels and place.

    Example:
        >>> [_settled(asked).label_at for asked in (Asked(), Asked(labels="morph"), Asked(preset="paper"))]
        ['output', 'image', 'image']
    """
    in_image = asked.rule not in PLACED_RULES or asked.preset == "paper" or asked.net is not None
    in_image = in_image or any(getattr(asked, name) not in (None, ()) for name in IN_IMAGE)
    place = asked.label_at or ("image" if in_image else BEST_PLACE)
    if asked.label_at is None and not in_image:
        print(
            f"note: the label is at the {place}, where the rule learns best; --labels NAME puts it into the image",
            file=sys.stderr,
        )
    values = {each.name: getattr(asked, each.name) for each in fields(Settings)}
    return Settings(**(values | {"label_at": place, "labels": asked.labels or Settings.labels}))


def parse(default: Settings, description: str | None, arguments: list[str] | None = None) -> Settings:
    """Read settings from a script's command line; exit with 2 and a message if they are invalid.

    Numbers out of range are refused here, before anything slow is imported.

    Args:
        default: the settings of the script if no option is given.
        description: the text above the options in its help.
        arguments: the command line; the process's own if omitted.
    """
    asked = tyro.cli(Asked, default=_asking(default), args=arguments, description=description)
    settings = _settled(asked)
    if settings.preset in RENAMED:
        print(f"note: preset {settings.preset} is now called {RENAMED[settings.preset]}", file=sys.stderr)
        settings = replace(settings, preset=RENAMED[settings.preset])
    with exit_on(SettingsError):
        check(settings)
    return settings
