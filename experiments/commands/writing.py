"""Predictions as a table, CSV or JSON."""

import csv
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Predicted:
    """The best classes of an image.

    Args:
        file: the image.
        classes: names, best first.
        scores: their scores.
    """

    file: str
    classes: Sequence[str]
    scores: Sequence[float]


def table(rows: Sequence[Predicted]) -> str:
    """Return one line per image, in columns.

    Example:
        >>> print(table([Predicted("a.png", ["cat", "dog"], [1.25, 0.5])]), end="")
        a.png  cat 1.25  dog 0.5
    """
    cells = [
        [row.file, *(f"{name} {score:.4g}" for name, score in zip(row.classes, row.scores, strict=True))]
        for row in rows
    ]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = ("  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)) for row in cells)
    return "".join(f"{line.rstrip()}\n" for line in lines)


def as_csv(rows: Sequence[Predicted]) -> str:
    """Return the columns file, class, score, class_2, score_2, ...

    Example:
        >>> as_csv([Predicted("a.png", ["cat", "dog"], [1.25, 0.5])]).splitlines()
        ['file,class,score,class_2,score_2', 'a.png,cat,1.25,dog,0.5']
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    count = max((len(row.classes) for row in rows), default=1)
    writer.writerow(["file", *(f"{name}{_nth(n)}" for n in range(count) for name in ("class", "score"))])
    for row in rows:
        writer.writerow([row.file, *(each for pair in zip(row.classes, row.scores, strict=True) for each in pair)])
    return text.getvalue()


def as_json(rows: Sequence[Predicted]) -> str:
    """Return a list with an object per image.

    Example:
        >>> json.loads(as_json([Predicted("a.png", ["cat"], [1.25])]))
        [{'file': 'a.png', 'predictions': [{'class': 'cat', 'score': 1.25}]}]
    """
    content = [
        {
            "file": row.file,
            "predictions": [
                {"class": name, "score": score} for name, score in zip(row.classes, row.scores, strict=True)
            ],
        }
        for row in rows
    ]
    return json.dumps(content, indent=2) + "\n"


def _nth(place: int) -> str:
    return "" if place == 0 else f"_{place + 1}"


FORMATS: dict[str, Callable[[Sequence[Predicted]], str]] = {"table": table, "csv": as_csv, "json": as_json}
