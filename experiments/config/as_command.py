"""The command that makes a run, from its settings. Imports no torch."""

import shlex
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

from experiments.config.conflicts import PLACED_RULES
from experiments.config.ranges import option
from experiments.config.settings import Settings

WHERE = ("dataset", "data_dir", "out", "resume", "device")  # said by DATA, or of one machine only


def as_command(settings: Settings) -> str:
    """Return the shortest `convff train ...` that leads to these settings, but for where data and runs are.

    Example:
        >>> as_command(Settings(dataset="mnist", rule="hebbff", seeds=3))
        'convff train mnist --labels fourier --rule hebbff --seeds 3'
        >>> as_command(Settings(dataset="folder", label_at="output", widths=(8, 8)))
        'convff train FOLDER --label-at output --widths 8 8'
    """
    data = "FOLDER" if settings.dataset == "folder" else settings.dataset
    return shlex.join(["convff", "train", data, *_options(settings)])


def _options(settings: Settings) -> Iterator[str]:
    for each in fields(Settings):
        value = getattr(settings, each.name)
        shown = value != each.default
        if each.name == "labels":  # without the option, the label is at the output
            shown |= settings.takes_labels and settings.label_at == "image" and settings.rule in PLACED_RULES
        if not shown or each.name in WHERE:
            continue
        if isinstance(each.default, bool):
            yield option(each.name if value else f"no_{each.name}")
        else:
            yield from (option(each.name), *_words(value))


def _words(value: Any) -> list[str]:
    """Return a value as it is written after its option."""
    if isinstance(value, tuple | list):
        return [word for each in value for word in _words(each)]
    return [value.as_posix() if isinstance(value, Path) else str(value)]
