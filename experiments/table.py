"""A Markdown table of finished runs, as in the README.

Example: `python experiments/table.py runs/*`. Each argument is a run folder or a `results.json`.
"""

import json
import sys
from pathlib import Path
from typing import Any

from experiments.tools.command import exit_on
from experiments.tools.words import labels_in_words, rule_in_words

COLUMNS = "data | labels | rule | goodness | readout | untrained control | minutes"


def row(results: dict[str, Any]) -> str:
    """The table's row of one `results.json`.

    Example:
        >>> accuracy, control = {"goodness": 0.5, "linear": None}, {"untrained_linear": None}
        >>> base = {"dataset": "MNIST", "labels": "fourier", "rule": "ff", "seconds": {"total": 90}}
        >>> row(base | {"accuracy": accuracy, "control": control})
        '| MNIST | fourier | ff | 50.0 % | - | - | 1.5 |'
    """
    accuracy = results["accuracy"]
    other = next((name for name in ("head", "groups", "blocks") if accuracy.get(name) is not None), None)
    cells = [
        results["dataset"],
        labels_in_words(results["labels"], results.get("label_selection")),
        rule_in_words(results["rule"], results.get("stabilise", ())),
        _percent(accuracy["goodness"]) if other is None else f"{_percent(accuracy[other])} ({other})",
        _percent(accuracy["linear"]),
        _percent(results["control"]["untrained_linear"]),
        f"{results['seconds']['total'] / 60:.1f}",
    ]
    return f"| {' | '.join(cells)} |"


def table(paths: list[Path]) -> str:
    """The whole table.

    Raises:
        FileNotFoundError: a path holds no results.
    """
    files = [path / "results.json" if path.is_dir() else path for path in paths]
    header = [f"| {COLUMNS} |", "|" + "---|" * (COLUMNS.count("|") + 1)]
    return "\n".join(header + [row(json.loads(file.read_text())) for file in files])


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f} %"


def _missing(error: Exception) -> str:
    return f"{getattr(error, 'filename', None)} does not exist: not a finished run"


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("usage: python experiments/table.py RUN [RUN ...]")
    with exit_on(FileNotFoundError, message=_missing):
        print(table([Path(argument) for argument in sys.argv[1:]]))
