"""The time of a training step, by rule."""

from convff import Schedule
from experiments.benchmarks.actions import floor, recorded_blocks, training_step
from experiments.benchmarks.bench import Bench, Row
from experiments.benchmarks.cases import cases


def measure(bench: Bench) -> list[Row]:
    """Measure the time of a training step by rule, against its floor and backpropagation of the same network."""
    rows: list[Row] = []
    for case in cases(bench)[: 1 if bench.small else None]:
        actions = {"floor": floor(recorded_blocks(bench, case), bench.precision)}
        actions |= {rule: training_step(bench, case, rule, bench.precision) for rule in ("ff", "hebbff", "bp")}
        actions["ff, compiled"] = training_step(bench, case, "ff", bench.precision, "compiled")
        orthogonal = Schedule(optimizer="orthogonal", lr=0.01)
        actions["ff, orthogonalised steps"] = training_step(bench, case, "ff", bench.precision, schedule=orthogonal)
        actions["ff, float32"] = training_step(bench, case, "ff", "float32")
        actions["ff, float32, autograd"] = training_step(bench, case, "ff", "float32", "autograd")
        medians = bench.medians(actions)
        for name, seconds in medians.items():
            rows.append(
                {
                    "network": case.name,
                    "step": name,
                    "ms": 1e3 * seconds,
                    "images/s": bench.batch_size / seconds,
                    "over floor": seconds / medians["floor"],
                    "over bp": seconds / medians["bp"],
                    "autograd over it": medians["ff, float32, autograd"] / seconds,
                }
            )
    return rows
