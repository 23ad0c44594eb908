"""Tables of errors: by goodness, with and without the first blocks and of each block alone, and by each inference."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from experiments.run.results import Results

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


INFERENCES = {
    "goodness": "goodness, every label tried",
    "settled": "goodness while it settles, every label",
    "softmax_joint": "softmax beside the blocks, one pass",
    "head": "softmax head, backpropagation",
    "linear": "fitted linear readout",
    "untrained_linear": "the same, untrained network",
}


def inference_errors(runs: Sequence[Mapping[str, float | None]]) -> str:
    """Return the error in per cent of each inference that all runs have; of several runs, mean and standard deviation.

    Args:
        runs: accuracies in [0, 1] by name, of runs that differ in the seed.

    Example:
        >>> print(inference_errors([{"goodness": 0.98, "softmax_joint": 0.975, "head": None}]))
          error                                 judged images
          goodness, every label tried                  2.00 %
          softmax beside the blocks, one pass          2.50 %
    """
    lines = [f"  {'error':{WIDTH + 14}}judged images"]
    for name, words in INFERENCES.items():
        known = [value for run in runs if (value := run.get(name)) is not None]
        if len(known) == len(runs):
            lines.append(f"  {words:{WIDTH + 14}}{_per_cent(known):>13}")
    return "\n".join(lines)


def show_errors(results: Sequence[Results]) -> None:
    """Print the errors of a training by each inference, over its seeds, and that of the untrained network."""
    if results:
        print(f"\n{inference_errors([run.accuracy | run.control for run in results])}")


def _without(block: int) -> str:
    """Name the blocks that are excluded if goodness is summed from a block on."""
    return ("all blocks", "without block 1")[block] if block < 2 else f"without blocks 1 to {block}"


def _per_cent(accuracies: list[float]) -> str:
    errors = [100 * (1 - accuracy) for accuracy in accuracies]
    spread = f" ± {statistics.stdev(errors):.2f}" if len(errors) > 1 else ""
    return f"{statistics.mean(errors):.2f}{spread} %"


def _line(name: str, cells: Any) -> str:
    return f"  {name:{WIDTH}}" + "".join(f"{cell:>{WIDTH}}" for cell in cells).rstrip()
