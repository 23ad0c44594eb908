"""What tells runs apart, in words: how a setting is shown, and which settings differ. Imports no torch."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from experiments.config.overrides import Overrides
from experiments.config.own import short
from experiments.config.presets import recipe_for
from experiments.config.recipe import Recipe, completed
from experiments.config.rule_options import RuleOptions
from experiments.config.settings import Settings

ASIDE = ("seed", "seeds", "out", "resume", "data_dir", "require_data", "device", "report", "tensorboard")
"""Settings that are no part of a method: which draw of it, where it computes, and what it reads and writes."""
NUMBERS = tuple(each.name for each in fields(Recipe))


def shown(value: Any) -> str:
    """Return the value of a setting in words.

    Example:
        >>> [shown(value) for value in (None, True, 0.001, (32, 64), (), "./mine.py:MyRule")]
        ['default', 'yes', '0.001', '32 64', 'none', 'MyRule']
    """
    if value is None:
        return "default"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return " ".join(map(shown, value)) or "none"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {shown(each)}" for name, each in value.items()) or "none"
    return f"{value:g}" if isinstance(value, float) else str(value) if isinstance(value, Path) else short(str(value))


@dataclass(frozen=True)
class Difference:
    """A setting, or a number of the recipe, that two runs do not share.

    Args:
        name: the setting.
        before: its value in the first run.
        after: its value in the second.
    """

    name: str
    before: Any
    after: Any

    def __str__(self) -> str:
        """Return it in words.

        Example:
            >>> str(Difference("rule", "ff", "hebbff")), str(Difference("batch_size", None, 64))
            ('rule: ff -> hebbff', 'batch size: default -> 64')
            >>> str(Difference("rule", "a.py:MyRule", "b.py:MyRule"))
            'rule: a.py:MyRule -> b.py:MyRule'
        """
        before, after = shown(self.before), shown(self.after)
        if before == after:  # what tells them apart is not shown
            before, after = _in_full(self.before), _in_full(self.after)
        return f"{self.name.replace('_', ' ')}: {before} -> {after}"


def _in_full(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def differences(first: Settings, second: Settings, aside: Sequence[str] = ASIDE) -> list[Difference]:
    """Return the settings that two runs do not share.

    Args:
        first: the settings of one.
        second: the settings of the other.
        aside: settings that are not compared.

    Example:
        >>> [str(each) for each in differences(Settings(seed=1), Settings(rule="hebbff", lr=0.1))]
        ['rule: ff -> hebbff', 'lr: default -> 0.1']
    """
    names = [name for name in names_in_order() if name not in aside]
    return list(_unequal(*({name: getattr(each, name) for name in names} for each in (first, second))))


def recipe_differences(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[Difference]:
    """Return the numbers that two recipes, as JSON, do not share; what an earlier version did not have is completed.

    Example:
        >>> [str(each) for each in recipe_differences({"lr": 0.1, "momentum": 0.9}, {"lr": 0.2, "momentum": 0.9})]
        ['lr: 0.1 -> 0.2']
    """
    return list(_unequal(_whole(first, second), _whole(second, first)))


def _whole(recipe: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Return a recipe with the defaults of numbers that only the other one has."""
    return dict(completed(dict(recipe), [name for name in other if name in NUMBERS]))


def _unequal(first: Mapping[str, Any], second: Mapping[str, Any]) -> Iterator[Difference]:
    for name, before in first.items():
        if before != second.get(name):
            yield Difference(name, before, second.get(name))


def method_of(settings: Settings) -> dict[str, Any]:
    """Return the settings of a method by name, the choices first: all but `ASIDE`.

    Example:
        >>> method_of(Settings(seed=1)) == method_of(Settings(seed=2, device="cpu"))
        True
    """
    return {name: getattr(settings, name) for name in names_in_order() if name not in ASIDE}


def names_in_order() -> list[str]:
    """Return the names of all settings, the choices first and then the numbers.

    Example:
        >>> names_in_order()[:3]
        ['labels', 'label_at', 'rule']
    """
    choices = list(Settings.__annotations__)
    return choices + [each.name for each in fields(Settings) if each.name not in choices]


def method_key(settings: Settings, recipe: Mapping[str, Any]) -> str:
    """Return a text that two runs share if they differ at most in their seed and in `ASIDE`.

    Args:
        settings: the settings of a run.
        recipe: the numbers that they led to, as JSON.
    """
    asked = {name: str(value) for name, value in method_of(settings).items()}
    return json.dumps([asked, completed(dict(recipe), NUMBERS)], sort_keys=True)


@dataclass(frozen=True)
class Changed:
    """A setting that a run has otherwise than its preset.

    Args:
        name: the setting.
        value: its value.
        usual: the preset's, or the default where the preset has none.
    """

    name: str
    value: Any
    usual: Any


def changed_from_preset(settings: Settings) -> list[Changed]:
    """Return what a run has otherwise than its preset would have it without these options.

    Choices such as rule and labels are compared with the defaults of the command line; numbers of the recipe with the
    preset for the same choices.

    Example:
        >>> [(each.name, each.value, each.usual) for each in changed_from_preset(Settings(rule="hebbff", blurs=3))]
        [('rule', 'hebbff', 'ff'), ('blurs', 3, 10)]
    """
    plain = {each.name for kind in (Overrides, RuleOptions) for each in fields(kind)}
    nothing: dict[str, Any] = dict.fromkeys(plain)
    bare = recipe_for(replace(settings, **nothing))
    default, found = Settings(dataset=settings.dataset), []
    for name, value in method_of(settings).items():
        if value == getattr(default, name):
            continue
        usual = getattr(default, name) if name not in plain else getattr(bare, name, bare.rule_options.get(name))
        if value != usual:
            found.append(Changed(name, value, usual))
    return found
