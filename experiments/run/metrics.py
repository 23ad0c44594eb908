"""`metrics.csv` of a run: how it is written and read. Imports torch only to write it."""

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING

from experiments.config.settings import SettingsError

if TYPE_CHECKING:
    from convff import EpochRecord


class MetricsFile:
    """`metrics.csv`: one row per epoch, written when the epoch ends.

    A metric with one value per block has one column per block, counted from 1: `loss_1`, `loss_2`, ...
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows: list[dict[str, float]] = []

    def add(self, record: "EpochRecord", validation: dict[str, float]) -> dict[str, float]:
        """Add the row of an epoch and rewrite the file; return the row."""
        row: dict[str, float] = {"epoch": record.epoch + 1}
        for name, values in record.metrics.items():
            single = len(values) == 1
            row |= {name if single else f"{name}_{block}": value for block, value in enumerate(values, start=1)}
        row |= validation
        row |= {"images_per_second": record.images_per_second, "seconds": record.seconds}
        self.rows.append(row)
        self._write()
        return row

    def go_back(self, epochs: int) -> None:
        """Take over the first rows of the file, those of a resumed run, and forget the others.

        Raises:
            SettingsError: the file has fewer rows.
        """
        rows = read_rows(self.path) if epochs else []
        if len(rows) < epochs:
            raise SettingsError(f"{self.path} must have the rows of {epochs} epochs, got {len(rows)}")
        self.rows = rows[:epochs]
        if self.path.exists():
            self._write()

    def _write(self) -> None:
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, fieldnames=list(self.rows[0]) if self.rows else ["epoch"])
        writer.writeheader()
        writer.writerows(self.rows)
        from convff import write_atomically  # imports torch, which tables of runs do without

        write_atomically(self.path, text.getvalue().encode())


def read_rows(path: Path) -> list[dict[str, float]]:
    """Read `metrics.csv`: whole numbers as int, so that they are written as they were.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it holds something else than numbers.
    """
    with path.open(newline="") as file:
        return [{name: _number(value) for name, value in row.items()} for row in csv.DictReader(file)]


def _number(text: str) -> float:
    return int(text) if text.isdigit() else float(text)
