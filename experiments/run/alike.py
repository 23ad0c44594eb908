"""Runs that differ only in their seed, and the accuracy that judges a run. Imports no torch."""

from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Any, TypeVar

READOUTS = ("linear", "linear_joint")  # whose accuracy stands in a column of its own
ON_TRAINING = ("goodness_train",)  # accuracies on other images than those that judge the run

T = TypeVar("T")


def alike(items: Iterable[T], method: Callable[[T], Hashable], seed: Callable[[T], int | None]) -> list[list[T]]:
    """Return runs in groups of one method, in the order of their first runs.

    Where a seed occurs twice in a group, its runs are groups of their own: something else must tell them apart.

    Args:
        items: the runs.
        method: what runs of one group share.
        seed: the seed of a run.

    Example:
        >>> alike([("ff", 0), ("bp", 0), ("ff", 1)], lambda run: run[0], lambda run: run[1])
        [[('ff', 0), ('ff', 1)], [('bp', 0)]]
        >>> alike([("ff", 0), ("ff", 0)], lambda run: run[0], lambda run: run[1])
        [[('ff', 0)], [('ff', 0)]]
    """
    groups: dict[Hashable, list[T]] = {}
    for item in items:
        groups.setdefault(method(item), []).append(item)
    found: list[list[T]] = []
    for group in groups.values():
        differ = len({seed(item) for item in group}) == len(group)
        found += [group] if differ else [[item] for item in group]
    return found


def judged_by(results: Mapping[str, Any]) -> str:
    """Return the name of the accuracy that judges a run: the first that is on the images that judge it, the rule's own.

    It is empty if there is none but those of `READOUTS`.

    Args:
        results: the content of `results.json`.

    Example:
        >>> judged_by({"accuracy": {"goodness": None, "linear": 0.9, "groups": 0.8}})
        'groups'
        >>> judged_by({"accuracy": {"goodness": None, "linear": 0.9, "goodness_train": 1.0}})
        ''
    """
    others = (*READOUTS, *ON_TRAINING)
    return next((name for name, value in results["accuracy"].items() if name not in others and value is not None), "")


def main_accuracy(results: Mapping[str, Any]) -> str:
    """Return the name of the accuracy that is named first: what judges a run, or else a readout; empty without any.

    Args:
        results: the content of `results.json`.

    Example:
        >>> main_accuracy({"accuracy": {"goodness": None, "linear": 0.9, "goodness_train": 1.0}})
        'linear'
    """
    return judged_by(results) or next((name for name in READOUTS if results["accuracy"].get(name) is not None), "")


def images_of(results: Mapping[str, Any]) -> tuple[int, str]:
    """Return how many images judged a run, and which: "test" or "validation".

    Example:
        >>> images_of({"judged_on": "500 test images"})
        (500, 'test')
    """
    count, which, *_ = str(results["judged_on"]).split()
    return int(count), which
