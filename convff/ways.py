"""Which scores a trained network has: of the evaluations, those whose parts are at hand."""

from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn

from convff.evaluations import EVALUATIONS

FITTED = ("linear", "dropout")
JOINT = ("linear_joint", "softmax_joint")
READOUTS = (*FITTED, *JOINT)


def ways_of(asked: Sequence[str], rule: Any, modules: Mapping[str, nn.Module]) -> tuple[str, ...]:
    """Return the names of the evaluations that can score single images, those that were asked for first.

    Args:
        asked: the evaluations that judged the network.
        rule: the rule that it learnt by.
        modules: what was trained or fitted beside it, by name.

    Example:
        >>> from convff import ForwardForward
        >>> ways_of(("linear", "goodness"), ForwardForward(), {})
        ('goodness', 'goodness_from')
    """
    names = dict.fromkeys((*asked, *rule.evaluations, *EVALUATIONS))
    return tuple(name for name in names if _works(name, asked, rule, modules))


def _works(name: str, asked: Sequence[str], rule: Any, modules: Mapping[str, nn.Module]) -> bool:
    found = EVALUATIONS.get(name)
    if found is None or found.scores is None:
        return False
    if name in JOINT and getattr(modules.get(found.needs), "evaluation", name) != name:
        return False
    if found.needs:
        return found.needs in modules
    return name in asked or found.suits(name, rule.evaluations)


def chosen(ways: Sequence[str], by: str | None) -> str:
    """Return the name of an evaluation.

    Args:
        ways: the names to choose from, the usual one first.
        by: a name; None for the usual one, "goodness" for the first that is no readout's, "readout" for the first that
            is.

    Raises:
        ValueError: there is none; the message says what there is.

    Example:
        >>> ways = ("groups", "linear")
        >>> chosen(ways, None), chosen(ways, "goodness"), chosen(ways, "readout"), chosen(ways, "linear")
        ('groups', 'groups', 'linear', 'linear')
        >>> chosen(ways, "head")
        Traceback (most recent call last):
        ...
        ValueError: this network has no scores by 'head': `by` must be groups, linear, goodness or readout
    """
    kinds = {
        "goodness": [name for name in ways if name not in READOUTS],
        "readout": [name for name in ways if name in READOUTS],
    }
    found = list(ways) if by is None else [by] if by in ways else kinds.get(by, [])
    if found:
        return found[0]
    if not ways:
        raise ValueError("this network has no scores yet: its training has not ended, and no readout was fitted to it")
    *names, last = dict.fromkeys((*ways, *(kind for kind, of_kind in kinds.items() if of_kind)))
    raise ValueError(f"this network has no scores by {by!r}: `by` must be {', '.join(names)} or {last}")
