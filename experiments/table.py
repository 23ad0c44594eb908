"""A Markdown table of finished runs, as in the README.

Example: `python experiments/table.py runs/*`. Each argument is a run folder or a `results.json`. Runs of one method
that differ only in the seed make one row, with means and standard deviations.
"""

import json
import statistics
import sys
from pathlib import Path
from typing import Any

from experiments.run.alike import alike, judged_by
from experiments.tools.command import exit_on, no_run
from experiments.tools.words import TOGETHER, labels_in_words, rule_in_words

COLUMNS = "data | labels | rule | goodness | readout | untrained control | minutes of training | in all"


def row(*runs: dict[str, Any]) -> str:
    """Return the table's row for one `results.json`, or for several that differ in their seeds.

    Example:
        >>> accuracy, control = {"goodness": 0.5, "linear": None}, {"untrained_linear": None}
        >>> base = {"dataset": "MNIST", "labels": "fourier", "rule": "ff", "seconds": {"training": 60, "total": 90}}
        >>> row(base | {"accuracy": accuracy, "control": control})
        '| MNIST | fourier | ff | 50.0 % | - | - | 1.0 | 1.5 |'
        >>> other = base | {"accuracy": accuracy | {"goodness": 0.52}, "control": control}
        >>> row(base | {"accuracy": accuracy, "control": control}, other)
        '| MNIST | fourier | ff | 51.0 ± 1.4 % (2 seeds) | - | - | 1.0 | 1.5 |'
    """
    return f"| {' | '.join(cells(*runs))} |"


def cells(*runs: dict[str, Any]) -> list[str]:
    """Return the cells of a row, in the order of `COLUMNS`; see `row`."""
    first = runs[0]
    judged = judged_by(first)
    named = f" ({judged})" if judged not in ("goodness", "") else ""
    seeds = f" ({len(runs)} seeds)" if len(runs) > 1 else ""
    return [
        first["dataset"],
        labels_in_words(first["labels"], first.get("label_selection")),
        _rule(first),
        _percent([run["accuracy"].get(judged) for run in runs]) + (f"{named}{seeds}" if judged else ""),
        _percent([run["accuracy"].get("linear") for run in runs]),
        _percent([run["control"]["untrained_linear"] for run in runs]),
        *(f"{statistics.mean(run['seconds'][part] for run in runs) / 60:.1f}" for part in ("training", "total")),
    ]


def rows(results: list[dict[str, Any]]) -> list[str]:
    """Return the rows of several results, in their order; results of one method make one row if all seeds differ.

    Example:
        >>> run = {"dataset": "MNIST", "labels": "fourier", "rule": "ff", "seconds": {"training": 60, "total": 90}}
        >>> run |= {"accuracy": {"goodness": 0.5}, "control": {"untrained_linear": None}}
        >>> len(rows([run | {"seed": 0}, run | {"seed": 1}])), len(rows([run | {"seed": 0}, run | {"seed": 0}]))
        (1, 2)
        >>> len(rows([run | {"seed": 0}, run | {"seed": 1, "variant": []}]))
        1
        >>> len(rows([run | {"seed": 0, "data": {"test": "a"}}, run | {"seed": 1, "data": {"test": "b"}}]))
        2
    """
    return [
        row(*group) for group in alike(results, _method, lambda run: run.get("seed"), lambda run: run.get("data") or {})
    ]


def _method(run: dict[str, Any]) -> str:
    method = [run.get(name) for name in ("dataset", "judged_on", "labels", "label_selection", "rule")]
    method += [run.get(name) for name in ("preset", "net", "model")]
    method += [run.get(name, []) for name in ("stabilise", "variant")]  # older results lack what they had none of
    return json.dumps([*method, run.get("order", TOGETHER)])


def table(paths: list[Path]) -> str:
    """Return the whole table.

    Raises:
        FileNotFoundError: a path has no results.
    """
    files = [path / "results.json" if path.is_dir() else path for path in paths]
    known = [json.loads(file.read_text(encoding="utf-8")) for file in files if _may_be_results(file)]
    found = [each for each in known if "control" in each]  # beside runs lie summaries of seeds and sweeps
    header = [f"| {COLUMNS} |", "|" + "---|" * (COLUMNS.count("|") + 1)]
    return "\n".join(header + rows(found))


def _may_be_results(file: Path) -> bool:
    return file.suffix == ".json" or not file.exists()  # what is missing is an error


def _rule(run: dict[str, Any]) -> str:
    """Return the rule of a run in words, with its options and the network if one was asked for."""
    extra = (*run.get("variant", ()), *run.get("stabilise", ()))
    words = rule_in_words(run["rule"], extra, run.get("order", TOGETHER))
    return words if run.get("model") is None else f"{words}, {run['model']}"


def _percent(shares: list[float | None]) -> str:
    """Return a share in per cent, or the mean of several and their standard deviation."""
    known = [100 * share for share in shares if share is not None]
    if not known or len(known) < len(shares):
        return "-"
    mean = f"{statistics.mean(known):.1f}"
    return f"{mean} %" if len(known) == 1 else f"{mean} ± {statistics.stdev(known):.1f} %"


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("usage: python experiments/table.py RUN [RUN ...]")
    with exit_on(FileNotFoundError, message=no_run):
        print(table([Path(argument) for argument in sys.argv[1:]]))
