"""The memory of a training step, by depth."""

from convff import cnn6
from experiments.benchmarks.actions import training_step
from experiments.benchmarks.bench import CLASSES, Bench, Row
from experiments.benchmarks.cases import Case
from experiments.tools.clock import peak_mib
from labels import FourierLabels


def measure(bench: Bench) -> list[Row]:
    """Measure the peak memory of a training step by depth and rule: activations and workspace, without parameters."""
    rows: list[Row] = []
    for rule in ("ff", "hebbff", "bp"):
        for depth in (2, 4, 8, 16):
            case = _deep(bench, depth)
            action = training_step(bench, case, rule, bench.precision)
            action()  # optimiser states are made in the first step
            rows.append({"rule": rule, "blocks": depth, "MiB": peak_mib(action, bench.device)})
    by_name = {(row["rule"], row["blocks"]): row["MiB"] for row in rows}
    for row in rows:
        row["over 4 blocks"] = row["MiB"] / by_name[row["rule"], 4]
        row["over bp"] = row["MiB"] / by_name["bp", row["blocks"]]
    return rows


def _deep(bench: Bench, depth: int) -> Case:
    width, shape = (4, (3, 8, 8)) if bench.small else (64, (3, 32, 32))
    labels = FourierLabels(4 if bench.small else CLASSES, shape[1:])
    return Case(f"{depth} x {width}", labels, shape, lambda shape: cnn6(shape, widths=(width,) * depth, pool_after=()))
