"""The command line of a run: what it may ask for. Imports no torch, so that `--help` is quick."""

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
PLACED_RULES = ("ff", "hebbff")  # of which the place of the label can be chosen
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
    """Refuse settings that no run can follow.

    Raises:
        SettingsError: a number out of its range.

    Example:
        >>> check(Settings(label_intensity=2.0))
        Traceback (most recent call last):
        ...
        experiments.config.settings.SettingsError: --label-intensity must lie in [0, 1], not 2.0
    """
    for name, most in MOST.items():
        value = getattr(settings, name)
        if value is not None and not (0 <= value < 1 or value == most):
            raise SettingsError(f"--{name.replace('_', '-')} must lie in [0, 1{']' if most else ')'}, not {value}")
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
    _check_layers(settings)
    return settings


def _check_layers(settings: Settings) -> None:
    """Refuse layers that no network has."""
    if settings.width is not None and settings.widths is not None:
        raise SettingsError("--width and --widths cannot both be given: each names all the widths")
    if settings.widths == ():
        raise SettingsError("--widths must name at least one layer")
    for name in ("widths", "pool_after"):
        for value in getattr(settings, name) or ():
            if value < 1:
                raise SettingsError(f"--{name.replace('_', '-')} must be at least 1, not {value}")
    poolings = settings.pool_after or ()
    if len(set(poolings)) < len(poolings):
        raise SettingsError(f"--pool-after names a layer twice: {' '.join(map(str, poolings))}")


@dataclass(frozen=True, kw_only=True)
class Asked(Settings):
    """Settings whose labels and place may be left out: then the other settings decide."""

    labels: LabelName | None = None  # type: ignore[assignment]
    """How the label enters the image; it is then in the image, unless --label-at says otherwise. Left out: fourier.
    FILE.py:NAME, here and elsewhere, takes a class from a file of your own."""

    label_at: PlaceName | None = None  # type: ignore[assignment]
    """Where the label meets the activity. image: in the image, by --labels; stream: each label is an image of its own,
    by --labels fourier, beside the images; beside: a label's wave stands beside the input of every block, by
    weights of its own; blocks: every block tries all labels on its own input; output: each layer has a group of
    channels per class; gains: each channel counts for each class by a gain of its own. For the last three no image
    carries a label. Left out: output, the best one; image if another option asks for it."""


def _asking(default: Settings) -> Asked:
    """Return a script's default, with labels and place left out where they are the usual ones."""
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
    """Read settings from the command line of a script; exits with 2 and a message where they are wrong.

    Numbers out of range are refused here already, before anything slow is imported.

    Args:
        default: what the script does if nothing is said.
        description: the head of its help.
        arguments: the command line; that of the process if omitted.
    """
    asked = tyro.cli(Asked, default=_asking(default), args=arguments, description=description)
    settings = _settled(asked)
    if settings.preset in RENAMED:
        print(f"note: preset {settings.preset} is now called {RENAMED[settings.preset]}", file=sys.stderr)
        settings = replace(settings, preset=RENAMED[settings.preset])
    with exit_on(SettingsError):
        check(settings)
    return settings
