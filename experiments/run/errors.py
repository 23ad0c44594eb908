"""The table of errors by goodness: with and without the first blocks, and of each block alone."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

# Two evaluations of `results.json`, and what they judge; both have the accuracy of each block alone, and from each on.
COLUMNS = {"goodness_from": "judged images", "goodness_train": "all training images"}
WIDTH = 24


def error_table(runs: Sequence[Mapping[str, Any]]) -> str:
    """Return the errors in per cent as a table; of several runs, mean and standard deviation of the sample.

    Args:
        runs: `scores` of `results.json`, of runs that differ in the seed.

    Example:
        >>> found = {"per_block": {"accuracy": [0.5, 0.75], "accuracy_from": [0.9, 0.75]}}
        >>> print(error_table([{"goodness_from": found, "goodness_train": found}]))
          error by goodness                 judged images     all training images
          all blocks                              10.00 %                 10.00 %
          without block 1                         25.00 %                 25.00 %
          block 1 alone                           50.00 %                 50.00 %
          block 2 alone                           25.00 %                 25.00 %
    """
    blocks = range(len(runs[0]["goodness_from"]["per_block"]["accuracy"]))
    rows = [(_without(block), "accuracy_from", block) for block in blocks]
    rows += [(f"block {block + 1} alone", "accuracy", block) for block in blocks]
    lines = [_line("error by goodness", COLUMNS.values())]
    for name, figure, block in rows:
        cells = [_per_cent([run[column]["per_block"][figure][block] for run in runs]) for column in COLUMNS]
        lines.append(_line(name, cells))
    return "\n".join(lines)


def _without(block: int) -> str:
    """Name the blocks that are excluded if goodness is summed from a block on."""
    return ("all blocks", "without block 1")[block] if block < 2 else f"without blocks 1 to {block}"


def _per_cent(accuracies: list[float]) -> str:
    errors = [100 * (1 - accuracy) for accuracy in accuracies]
    spread = f" ± {statistics.stdev(errors):.2f}" if len(errors) > 1 else ""
    return f"{statistics.mean(errors):.2f}{spread} %"


def _line(name: str, cells: Any) -> str:
    return f"  {name:{WIDTH}}" + "".join(f"{cell:>{WIDTH}}" for cell in cells).rstrip()
