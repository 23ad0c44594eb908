"""Steps of networks that see each image once, with orthogonalised steps."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import torch

from convff import AtBlocks, AtGains, AtOutput, AtStream, Place, Schedule, autocast, cnn6
from experiments.benchmarks.actions import floor, recorded_blocks, training_step
from experiments.benchmarks.bench import CLASSES, Bench, Row
from experiments.benchmarks.cases import Case
from experiments.config.presets import one_pass
from labels import FourierLabels, NoLabels, StreamLabels

SHAPE = (3, 32, 32)
PLACES: dict[str, tuple[str, Place]] = {
    "output": ("ff", AtOutput(CLASSES)),
    "output, wide": ("ff", AtOutput(CLASSES)),
    "gains": ("ff", AtGains(num_classes=CLASSES)),
    "blocks": ("ff", AtBlocks(num_classes=CLASSES)),
    "blocks, 4 x 4 regions": ("ff", AtBlocks(num_classes=CLASSES, regions=4)),
    "stream": ("ff", AtStream(num_classes=CLASSES)),
    "local_head": ("local_head", AtOutput(CLASSES)),
}


def measure(bench: Bench) -> list[Row]:
    """Measure a step of preset quick's wide network by place of the label, and the share of the orthogonalised step."""
    rows: list[Row] = []
    schedule = Schedule(optimizer="orthogonal", lr=0.02)
    for batch_size in (4,) if bench.small else (64, 128):
        at_size = replace(bench, batch_size=batch_size)
        for name, (rule, place) in PLACES.items():
            case = _case(bench, name, place)
            recorded = recorded_blocks(at_size, case)
            optimizers = [schedule.make_optimizer(block.layer.parameters()) for block, *_ in recorded]
            actions: dict[str, Callable[[], object]] = {
                "step": training_step(at_size, case, rule, bench.precision, schedule=schedule),
                "floor": floor(recorded, bench.precision),
                "optimiser": partial(_step_all, at_size, optimizers),
            }
            for block, *_ in recorded:
                for parameter in block.layer.parameters():
                    parameter.grad = torch.randn_like(parameter)
            medians = bench.medians(actions)
            rows.append(
                {
                    "label at": name,
                    "batch": batch_size,
                    "ms": 1e3 * medians["step"],
                    "step over floor": medians["step"] / medians["floor"],
                    "share of the orthogonalised step": medians["optimiser"] / medians["step"],
                    "over floor without it": (medians["step"] - medians["optimiser"]) / medians["floor"],
                }
            )
    return rows


def _case(bench: Bench, name: str, place: Place) -> Case:
    options = {"widths": (10, 10), "pool_after": (1,)} if bench.small else one_pass.NETS["cnn6"]
    if name.endswith(", wide"):
        options = options | {"widths": tuple(2 * width for width in options["widths"])}
    stream = name == "stream"
    labels = StreamLabels(FourierLabels(CLASSES, SHAPE[1:])) if stream else NoLabels(CLASSES)
    return Case(name, labels, SHAPE, lambda shape: cnn6(shape, **options), place)


def _step_all(bench: Bench, optimizers: list[torch.optim.Optimizer]) -> None:
    """Step as in training: under autocast, which makes the matrix products of Newton-Schulz in bfloat16."""
    with autocast(bench.device, bench.precision):
        for optimizer in optimizers:
            optimizer.step()
