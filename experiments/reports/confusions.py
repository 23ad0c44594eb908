"""Which classes are taken for which: a table of all classes, or the most frequent confusions of many."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from experiments.run.predictions import Predictions

MOST_CLASSES = 20  # of a table of all classes
MOST_FREQUENT = 15


@dataclass(frozen=True)
class Cell:
    """A cell of the table of classes.

    Args:
        count: how often the row's class was taken for the column's.
        share: that, as a share of the row's images, in [0, 1].
        right: whether row and column are the same class.
    """

    count: int
    share: float
    right: bool


@dataclass(frozen=True)
class Row:
    """The images of a class.

    Args:
        name: the class.
        cells: one for each class that was answered.
        total: number of images.
        share: share of right answers among them, in [0, 1]; None if there are no images.
    """

    name: str
    cells: tuple[Cell, ...]
    total: int
    share: float | None


@dataclass(frozen=True)
class Confusion:
    """Two classes that are confused.

    Args:
        right: the right class.
        given: the answer.
        count: how often.
        total: number of images of the right class.
    """

    right: str
    given: str
    count: int
    total: int


def counts_of(right: npt.NDArray[np.int64], given: npt.NDArray[np.int64], classes: int) -> npt.NDArray[np.int64]:
    """Return how often each class (row) was taken for each (column), `[K, K]`.

    Args:
        right: the right classes, `[N]`.
        given: the answers, `[N]`.
        classes: the number of classes, K.

    Example:
        >>> counts_of(np.array([0, 1]), np.array([1, 1]), 2).tolist()
        [[0, 1], [0, 1]]
    """
    return np.bincount(right * classes + given, minlength=classes**2).reshape(classes, classes)


def table_of(found: Predictions) -> list[Row]:
    """Return a row for each class; empty if there are more than `MOST_CLASSES` classes."""
    if len(found.class_names) > MOST_CLASSES:
        return []
    counts = counts_of(found.right, found.given, len(found.class_names))
    return [
        Row(
            name,
            tuple(
                Cell(int(count), float(count / max(1, row.sum())), column == index) for column, count in enumerate(row)
            ),
            int(row.sum()),
            float(row[index] / row.sum()) if row.sum() else None,
        )
        for index, (name, row) in enumerate(zip(found.class_names, counts, strict=True))
    ]


def most_frequent(found: Predictions, most: int = MOST_FREQUENT) -> list[Confusion]:
    """Return the most frequent confusions, the most frequent first; of equally frequent ones those of lower classes."""
    counts = counts_of(found.right, found.given, len(found.class_names))
    totals = counts.sum(axis=1)
    np.fill_diagonal(counts, 0)
    order = np.argsort(-counts, axis=None, kind="stable")[:most]
    pairs = [divmod(int(place), len(counts)) for place in order]
    names = found.class_names
    return [
        Confusion(names[right], names[given], int(counts[right, given]), int(totals[right]))
        for right, given in pairs
        if counts[right, given]
    ]
