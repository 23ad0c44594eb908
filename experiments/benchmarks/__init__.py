"""What the benchmark measures, one section per file: its `measure` returns the rows of a table.

To add a section, write a file with a function `measure(bench) -> list[Row]`, give it a row in `SECTIONS` and, to run
it by default, name it in `BenchmarkSettings`.
"""

from collections.abc import Callable

from experiments.benchmarks import (
    hebbff,
    inference,
    labelling,
    local_fields,
    memory,
    model,
    one_pass,
    planes,
    predicting,
    processes,
    pruning,
    settling,
    shares,
    starting,
    step,
)
from experiments.benchmarks.bench import Bench, Row

__all__ = ["SECTIONS"]

SECTIONS: dict[str, Callable[[Bench], list[Row]]] = {
    "step": step.measure,
    "shares": shares.measure,
    "memory": memory.measure,
    "inference": inference.measure,
    "labelling": labelling.measure,
    "pruning": pruning.measure,
    "processes": processes.measure,
    "model": model.measure,
    "hebbff": hebbff.measure,
    "one_pass": one_pass.measure,
    "planes": planes.measure,
    "local_fields": local_fields.measure,
    "settling": settling.measure,
    "predicting": predicting.measure,
    "starting": starting.measure,
}
