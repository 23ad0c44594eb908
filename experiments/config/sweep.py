"""What a sweep searches: `--over NAME=LOW..HIGH` and `--over NAME=A,B,C`, for any setting. Imports no torch."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, fields
from itertools import product
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from experiments.config.settings import Settings, SettingsError
from experiments.config.values import did_you_mean, typed_value

NOT_SEARCHED = {
    "dataset": "all trials share the data",
    "data_dir": "all trials share the data",
    "require_data": "all trials share the data",
    "image_size": "all trials share the data",
    "on_bad_image": "all trials share the data",
    "device": "all trials share the machine",
    "evaluate_on": "test images must not choose settings",
    "inference": "a trial is judged by its rule's own scores",
    "seed": "the best seed says nothing about the method",
    "seeds": "a trial is trained once",
    "out": "trials leave no run folder",
    "report": "trials leave no run folder",
    "tensorboard": "trials leave no run folder",
    "resume": "the same command continues a sweep",
}
SWITCHES = {"yes": True, "no": False, "true": True, "false": False}
DEFAULT = "default"
MOST_COMBINATIONS = 64


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`, both included; on a logarithmic scale if `low` is positive.

    Args:
        name: the setting.
        low: the lowest number.
        high: the highest one.
        whole: whole numbers only.
    """

    name: str
    low: float
    high: float
    whole: bool

    @property
    def ends(self) -> tuple[Any, ...]:
        """The lowest and the highest number."""
        return self.low, self.high

    def holds(self, value: Any) -> bool:
        """Return whether a value is in the range."""
        return isinstance(value, int | float) and self.low <= value <= self.high


@dataclass(frozen=True)
class Choice:
    """Some values of a setting.

    Args:
        name: the setting.
        texts: the values as they were typed, by which a trial is saved.
        ends: the values.
    """

    name: str
    texts: tuple[str, ...]
    ends: tuple[Any, ...]

    def holds(self, value: Any) -> bool:
        """Return whether a value is one of the choices."""
        return value in self.ends

    def text_of(self, value: Any) -> str:
        """Return a value as it was typed."""
        return self.texts[self.ends.index(value)]


Dimension = Range | Choice


def dimensions(words: Sequence[str]) -> tuple[Dimension, ...]:
    """Return what `--over` says.

    Args:
        words: each `NAME=LOW..HIGH` or `NAME=A,B,C`. Several values of one setting are separated by spaces, as in
            `widths=20 40 40,40 80 80`; `default` leaves a setting to the others.

    Raises:
        SettingsError: a setting is unknown, cannot be searched, or has values that it does not take.

    Example:
        >>> dimensions(["lr=0.001..0.1", "skip=yes,no", "widths=8 16,8 16 16", "theta=default,2"])[0]
        Range(name='lr', low=0.001, high=0.1, whole=False)
        >>> [each.ends for each in dimensions(["skip=yes,no", "widths=8 16,8 16 16", "theta=default,2"])]
        [(True, False), ((8, 16), (8, 16, 16)), (None, 2.0)]
    """
    if not words:
        raise SettingsError("--over must name at least one setting, as in lr=0.001..0.1 or gate=softmax,threshold")
    found = tuple(map(_dimension, words))
    names = [each.name for each in found]
    if len(set(names)) < len(names):
        raise SettingsError(f"--over must name each setting once, got {' '.join(names)}")
    return found


def corners(over: Sequence[Dimension]) -> list[dict[str, Any]]:
    """Return combinations of the ends of ranges and of all choices: up to `MOST_COMBINATIONS`, by name.

    Example:
        >>> corners(dimensions(["batch_size=16..64", "gate=softmax,symmetric"]))[1:3]
        [{'batch_size': 16, 'gate': 'symmetric'}, {'batch_size': 64, 'gate': 'softmax'}]
    """
    names = [each.name for each in over]
    every = product(*(each.ends for each in over))
    return [dict(zip(names, values, strict=True)) for _, values in zip(range(MOST_COMBINATIONS), every, strict=False)]


def _dimension(word: str) -> Dimension:
    name, equals, text = word.partition("=")
    name, known = name.strip().removeprefix("--").replace("-", "_"), [each.name for each in fields(Settings)]
    if name not in known:
        raise SettingsError(f"--over {word}: there is no setting {name}{did_you_mean(name, known)}")
    if name in NOT_SEARCHED:
        raise SettingsError(f"--over {word}: {name} cannot be searched: {NOT_SEARCHED[name]}")
    kind, optional = _kind_of(name)
    if kind in (int, float) and ".." in text:
        return _range(word, name, text, kind)
    texts = tuple(each.strip() for each in text.split(","))
    if not equals or len(set(texts)) < len(texts) or len(texts) < 2:
        example = f"{name}=0.1..1" if kind is float else f"{name}=1..8" if kind is int else f"{name}=A,B"
        raise SettingsError(f"--over {word}: it must name at least two different values, as in {example}")
    return Choice(name, texts, tuple(_value(word, kind, each, optional) for each in texts))


def _kind_of(name: str) -> tuple[Any, bool]:
    """Return the type of a setting, and whether it can be left to the others."""
    kind = get_type_hints(Settings, include_extras=True)[name]
    if get_origin(kind) in (Union, UnionType):
        return get_args(kind)[0], NoneType in get_args(kind)
    return kind, False


def _range(word: str, name: str, text: str, kind: type) -> Range:
    found = re.fullmatch(r"\s*(\S+?)\s*\.\.\s*(\S+)\s*", text)
    try:
        low, high = (kind(each) for each in found.groups()) if found else (1, 0)
    except ValueError as error:
        raise SettingsError(f"--over {word}: {error}") from error
    if not (-math.inf < low < high < math.inf):
        raise SettingsError(f"--over {word}: a range must be LOW..HIGH, from a lower to a higher number")
    return Range(name, low, high, kind is int)


def _value(word: str, kind: Any, text: str, optional: bool) -> Any:
    """Return a value from its text."""
    if text == DEFAULT and optional:
        return None
    try:
        value = _parsed(kind, text)
        return typed_value(kind, value)
    except ValueError as error:
        raise SettingsError(f"--over {word}: {error}") from error


def _parsed(kind: Any, text: str) -> Any:
    if get_origin(kind) is tuple:
        return [_parsed(get_args(kind)[0], each) for each in text.split()]
    if kind is bool:
        if text not in SWITCHES:
            raise ValueError(f"must be yes or no, got {text}")
        return SWITCHES[text]
    return kind(text) if kind in (int, float) else text
