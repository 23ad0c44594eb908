"""Runs that differ only in their seed, and the accuracy that judges a run. Imports no torch."""

from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Any, TypeVar

READOUTS = ("linear", "linear_joint")  # whose accuracy stands in a column of its own

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
    """Return the name of the accuracy that judges a run: the rule's own; empty if it has none but of readouts.

    Args:
        results: the content of `results.json`.

    Example:
        >>> judged_by({"accuracy": {"goodness": None, "linear": 0.9, "groups": 0.8}})
        'groups'
    """
    accuracy = results["accuracy"]
    return next((name for name, value in accuracy.items() if name not in READOUTS and value is not None), "")


def images_of(results: Mapping[str, Any]) -> tuple[int, str]:
    """Return how many images judged a run, and which: "test" or "validation".

    Example:
        >>> images_of({"judged_on": "500 test images"})
        (500, 'test')
    """
    count, which, *_ = str(results["judged_on"]).split()
    return int(count), which
