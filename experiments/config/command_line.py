"""The command line of a run: its options and their ranges. Imports no torch, so that `--help` is quick."""

import sys
from dataclasses import dataclass, fields, replace
from typing import Self, TypeVar

import tyro

from experiments.config.choices import LabelName, PlaceName
from experiments.config.conflicts import PLACED_RULES, check_together
from experiments.config.ranges import check_ranges
from experiments.config.resumable import resuming
from experiments.config.settings import RENAMED, Settings, SettingsError
from experiments.tools.command import exit_on

BEST_PLACE: PlaceName = "output"  # on CIFAR-10 and MNIST: see docs/places.md
IN_IMAGE = (
    "labels",
    "label_intensity",
    "label_selection",
    "label_scale",
    "label_planes",
    "negatives",
    "negatives_from",
    "candidates",
    "contrast",
    "stabilise",
)


def check(settings: Settings) -> Settings:
    """Return the settings, or raise for one that is out of its range; `parse` also refuses contradictions.

    Raises:
        SettingsError: see `check_ranges`.

    Example:
        >>> check(Settings(label_intensity=2.0))
        Traceback (most recent call last):
        ...
        experiments.config.settings.SettingsError: --label-intensity must be in [0, 1], got 2.0
    """
    check_ranges(settings)
    return settings


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

    def completed(self) -> Self:
        """Return the options with what their further ones say about the settings; a subclass may override it.

        Raises:
            SettingsError: a further option is wrong.
        """
        return self


SomeAsked = TypeVar("SomeAsked", bound=Asked)


def _asking(kind: type[SomeAsked], default: Settings, decided: bool = False) -> SomeAsked:
    """Return the default settings, with labels and place omitted if they have their default values.

    Args:
        kind: the class of the options.
        default: the settings.
        decided: whether they are those of an earlier run, so that their place of the label is meant.
    """
    values = {each.name: getattr(default, each.name) for each in fields(Settings)}
    open_ones = ("labels",) if decided else ("labels", "label_at")
    left_out = {name for name in open_ones if values[name] == getattr(Settings, name)}
    return kind(**(values | dict.fromkeys(left_out)))


def _settled(asked: Asked) -> Settings:
    """Decide on labels and place.

    Example:
        >>> [_settled(asked).label_at for asked in (Asked(), Asked(labels="morph"), Asked(preset="paper"))]
        ['output', 'image', 'image']
    """
    in_image = asked.rule not in PLACED_RULES or asked.preset == "paper" or asked.net is not None
    in_image = in_image or any(getattr(asked, name) not in (None, ()) for name in IN_IMAGE)
    place = asked.label_at or ("image" if in_image else BEST_PLACE)
    values = {each.name: getattr(asked, each.name) for each in fields(Settings)}
    return Settings(**(values | {"label_at": place, "labels": asked.labels or Settings.labels}))


def parse(default: Settings, description: str | None, arguments: list[str] | None = None) -> Settings:
    """Read settings from a script's command line; exit with 2 and a message if they are invalid.

    What is out of range or contradicts another option is refused here, before anything slow is imported.

    Args:
        default: the settings of the script if no option is given.
        description: the text above the options in its help.
        arguments: the command line; the process's own if omitted.
    """
    return parse_as(Asked, default, description, arguments)[1]


def parse_as(
    kind: type[SomeAsked],
    default: Settings,
    description: str | None,
    arguments: list[str] | None = None,
    *,
    decided: bool = False,
    prog: str | None = None,
) -> tuple[SomeAsked, Settings]:
    """Read settings and a script's further options from its command line; see `parse`.

    Args:
        kind: a subclass of `Asked` with the further options, all with a default.
        default: the settings of the script if no option is given.
        description: the text above the options in its help.
        arguments: the command line; the process's own if omitted.
        decided: whether the default settings are those of an earlier run, so that their place of the label is meant.
        prog: the name of the program in its help.

    Returns:
        all options as they were given, and the settings.
    """
    unasked = _asking(kind, default, decided)
    asked = tyro.cli(kind, default=unasked, args=arguments, description=description, prog=prog)
    if asked.resume is not None:  # all other settings are those of the run
        with exit_on(SettingsError):
            return asked, check(resuming(default, asked, _asking(Asked, default, decided)))
    with exit_on(SettingsError):
        asked = asked.completed()
    if asked.preset in RENAMED:
        print(f"note: preset {asked.preset} is now called {RENAMED[asked.preset]}", file=sys.stderr)
    with exit_on(SettingsError):
        settings = settled(asked)
    if asked.label_at is None and settings.label_at == BEST_PLACE:
        where = f"the label is at the {BEST_PLACE}, where the rule learns best"
        print(f"note: {where}; --labels NAME puts it into the image", file=sys.stderr)
    return asked, settings


def settled(asked: Asked) -> Settings:
    """Return the settings that options lead to.

    Raises:
        SettingsError: an option is out of range, or contradicts another one.

    Example:
        >>> settled(Asked(preset="best", rule="bp")) == Settings(preset="long", rule="bp")
        True
    """
    settings = _settled(asked)
    settings = replace(settings, preset=RENAMED.get(settings.preset, settings.preset))
    check(settings)
    check_together(settings, _given(asked))
    return settings


def settings_asked_for(asked: Asked) -> Settings | None:
    """Return the settings that options lead to; None if they are refused.

    Example:
        >>> settings_asked_for(Asked(labels="morph")) == Settings(labels="morph")
        True
    """
    settings = _settled(asked)
    try:
        check_together(settings, _given(asked))
    except SettingsError:
        return None
    return settings


def _given(asked: Asked) -> frozenset[str]:
    """Return the options that differ from what holds without them."""
    return frozenset(each.name for each in fields(Asked) if getattr(asked, each.name) != each.default)
