"""Runs that differ only in their seed, and the accuracy that judges a run. Imports no torch."""

from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Any, TypeVar

COLUMN_READOUTS = ("linear", "linear_joint")  # whose accuracy stands in a column of its own
ON_TRAINING = ("goodness_train",)  # accuracies on other images than those that judge the run

T = TypeVar("T")


def alike(
    items: Iterable[T],
    method: Callable[[T], Hashable],
    seed: Callable[[T], int | None],
    digests: Callable[[T], Mapping[str, str]] = lambda item: {},
) -> list[list[T]]:
    """Return runs in groups of one method on the same images, in the order of their first runs.

    Where a seed occurs twice in a group, its runs are groups of their own: something else must tell them apart.

    Args:
        items: the runs.
        method: what runs of one group share.
        seed: the seed of a run.
        digests: those of the images of a run, as in its results. Runs that saved none are on the images of the others
            of their method, unless these differ.

    Example:
        >>> runs = [("ff", 0, {"test": "a"}), ("bp", 0, {}), ("ff", 1, {})]
        >>> found = alike(runs, lambda run: run[0], lambda run: run[1], lambda run: run[2])
        >>> [[run[:2] for run in group] for group in found]
        [[('ff', 0), ('ff', 1)], [('bp', 0)]]
        >>> alike([("ff", 0), ("ff", 0)], lambda run: run[0], lambda run: run[1], lambda run: {})
        [[('ff', 0)], [('ff', 0)]]
    """
    runs = [(method(item), str(dict(digests(item)) or ""), item) for item in items]
    known: dict[Hashable, set[str]] = {}
    for of, images, _ in runs:
        known.setdefault(of, set()).update([images] if images else [])
    groups: dict[Hashable, list[T]] = {}
    for of, images, item in runs:
        groups.setdefault((of, images if len(known[of]) > 1 else ""), []).append(item)
    found: list[list[T]] = []
    for group in groups.values():
        differ = len({seed(item) for item in group}) == len(group)
        found += [group] if differ else [[item] for item in group]
    return found


def judged_by(results: Mapping[str, Any]) -> str:
    """Return the name of the accuracy that judges a run: the first that is on the images that judge it, the rule's own.

    It is empty if there is none but those of `COLUMN_READOUTS`.

    Args:
        results: the content of `results.json`.

    Example:
        >>> judged_by({"accuracy": {"goodness": None, "linear": 0.9, "groups": 0.8}})
        'groups'
        >>> judged_by({"accuracy": {"goodness": None, "linear": 0.9, "goodness_train": 1.0}})
        ''
    """
    others = (*COLUMN_READOUTS, *ON_TRAINING)
    return next((name for name, value in results["accuracy"].items() if name not in others and value is not None), "")


def main_accuracy(results: Mapping[str, Any]) -> str:
    """Return the name of the accuracy that is named first: what judges a run, or else a readout; empty without any.

    Args:
        results: the content of `results.json`.

    Example:
        >>> main_accuracy({"accuracy": {"goodness": None, "linear": 0.9, "goodness_train": 1.0}})
        'linear'
    """
    return judged_by(results) or next(
        (name for name in COLUMN_READOUTS if results["accuracy"].get(name) is not None), ""
    )


def images_of(results: Mapping[str, Any]) -> tuple[int, str]:
    """Return how many images judged a run, and which: "test" or "validation".

    Example:
        >>> images_of({"judged_on": "500 test images"})
        (500, 'test')
    """
    count, which, *_ = str(results["judged_on"]).split()
    return int(count), which
