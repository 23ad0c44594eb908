"""The cost model of docs/cost.md, compared with the clock."""

import torch
from torch import nn

from experiments.benchmarks.actions import floor, floor_of_conv, recorded_blocks, training_step
from experiments.benchmarks.bench import Bench, Row
from experiments.benchmarks.cases import cases
from experiments.benchmarks.cost_model import block_costs, step_bytes, step_operations


def measure(bench: Bench) -> list[Row]:
    """Compare the cost model of docs/cost.md with the clock, at two sizes: first two rates alone, then whole steps."""
    rate, bandwidth = _rates(bench)
    rows: list[Row] = []
    for case in (cases(bench)[0], cases(bench)[4]):
        costs = block_costs(case.net(torch.device("cpu")), (case.labels.channels(case.shape[0]), *case.shape[1:]))
        operations = step_operations(costs, bench.batch_size)
        moved = step_bytes(costs, bench.batch_size, bytes_of_a_value=2 if bench.precision == "bfloat16" else 4)
        medians = bench.medians(
            {
                "floor": floor(recorded_blocks(bench, case), bench.precision),
                "step": training_step(bench, case, "ff", bench.precision),
            }
        )
        predicted = operations / rate + moved / bandwidth
        rows.append(
            {
                "network": case.name,
                "GFLOP per step": operations / 1e9,
                "GB moved": moved / 1e9,
                "ms on paper, arithmetic": 1e3 * operations / rate,
                "ms of the floor": 1e3 * medians["floor"],
                "ms on paper, with memory": 1e3 * predicted,
                "ms of the step": 1e3 * medians["step"],
                "measured over paper": medians["step"] / predicted,
                "MiB to sum over processes": sum(cost.weights for cost in costs) * 4 / 2**20,
            }
        )
    return rows


def _rates(bench: Bench) -> tuple[float, float]:
    """Return the operations per second of a convolution with its weight-gradient, and bytes per second of a copy."""
    width, side, images = (4, 8, 4) if bench.small else (128, 16, 256)
    dtype = torch.bfloat16 if bench.precision == "bfloat16" else torch.float32
    x = torch.randn(images, width, side, side, device=bench.device, dtype=dtype)
    x = x.contiguous(memory_format=torch.channels_last)
    layer = nn.Conv2d(width, width, 3, padding=1, device=bench.device, dtype=dtype)
    layer = layer.to(memory_format=torch.channels_last)
    parts = floor_of_conv(layer, layer.weight.detach(), x, x)
    large = torch.zeros(2**20 if bench.small else 2**26, dtype=torch.uint8, device=bench.device)
    into = torch.zeros_like(large)
    medians = bench.medians({"conv": lambda: [part() for part in parts], "copy": lambda: into.copy_(large)})
    operations = 2 * 2 * images * side**2 * layer.weight.numel()
    return operations / medians["conv"], 2 * large.numel() / medians["copy"]
