"""`metrics.csv` of a run: how it is written and read. Imports torch only to write it."""

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING

from experiments.config.settings import SettingsError

if TYPE_CHECKING:
    from convff import EpochRecord

OF_NETWORK = ("readout_loss",)  # metrics of the whole network, even where a single block learns


class MetricsFile:
    """`metrics.csv`: one row per epoch, written when the epoch ends.

    A metric with one value per block has one column per block, counted from 1: `loss_1`, `loss_2`, ... The cells of
    blocks that do not learn in an epoch are empty.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows: list[dict[str, float]] = []

    def add(self, record: "EpochRecord", validation: dict[str, float]) -> dict[str, float]:
        """Add the row of an epoch and rewrite the file; return the row."""
        row: dict[str, float] = {"epoch": record.epoch + 1}
        for name, values in record.metrics.items():
            row |= _columns(name, values, record)
        row |= validation
        row |= {"images_per_second": record.images_per_second, "seconds": record.seconds}
        self.append(row)
        return row

    def append(self, row: dict[str, float]) -> None:
        """Add a row of any columns, and rewrite the file."""
        self.rows.append(row)
        self._write()

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
        writer = csv.DictWriter(text, fieldnames=_names(self.rows) or ["epoch"])
        writer.writeheader()
        writer.writerows(self.rows)
        from convff import write_atomically  # imports torch, which tables of runs do without

        write_atomically(self.path, text.getvalue().encode())


def _columns(name: str, values: list[float], record: "EpochRecord") -> dict[str, float]:
    """Return the cells of a metric."""
    every = len(record.metrics.get("weight_rms", values))  # of which there is always one per block
    blocks = record.blocks if len(values) == len(record.blocks) < every and name not in OF_NETWORK else None
    if len(values) == 1 and blocks is None:
        return {name: values[0]}
    numbers = range(len(values)) if blocks is None else blocks
    return {f"{name}_{block + 1}": value for block, value in zip(numbers, values, strict=True)}


def _names(rows: list[dict[str, float]]) -> list[str]:
    """Return the names of all columns, in the order in which they first occur."""
    return list(dict.fromkeys(name for row in rows for name in row))


def by_block(rows: list[dict[str, float]], metric: str) -> dict[str, dict[int, float]]:
    """Return a metric with one column per block: block to epoch to value, of the epochs in which it has one.

    Example:
        >>> by_block([{"epoch": 1, "loss_1": 0.5}, {"epoch": 2, "loss_1": 0.3, "loss_2": 0.4}], "loss")
        {'1': {1: 0.5, 2: 0.3}, '2': {2: 0.4}}
    """
    names = [name for name in _names(rows) if name.rpartition("_")[0] == metric and name[-1].isdigit()]
    return {name.rpartition("_")[2]: {int(row["epoch"]): row[name] for row in rows if name in row} for name in names}


def read_rows(path: Path) -> list[dict[str, float]]:
    """Read `metrics.csv`: whole numbers as int, so that they are written as they were; empty cells are omitted.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it holds something else than numbers.
    """
    with path.open(newline="", encoding="utf-8") as file:
        rows = csv.DictReader(file)
        return [{name: _number(value) for name, value in row.items() if value != ""} for row in rows]


def _number(text: str) -> float:
    return int(text) if text.isdigit() else float(text)
