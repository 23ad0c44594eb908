"""What several sections measure: a training step, and its floor."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.grad import conv2d_weight

from convff import (
    Autograd,
    Block,
    Schedule,
    Setup,
    autocast,
    contrast_of,
    keyed_generator,
    start,
)
from experiments.benchmarks.bench import Bench
from experiments.benchmarks.cases import Case
from experiments.config.presets import step_schedule

# A block, its raw input, its normalised input and its activity in a training step.
Recorded = tuple[Block, Tensor, Tensor, Tensor]


def training_step(
    bench: Bench, case: Case, rule: str, precision: str, engine: str = "closed", schedule: Schedule | None = None
) -> Callable[[], object]:
    """Return a function that makes a training step of one rule, by default with the optimiser of the presets."""
    data = bench.images(bench.batch_size, case.shape)
    made = Autograd(rule=case.rule(rule)) if engine == "autograd" else case.rule(rule)
    setup = Setup(
        net=case.net(bench.device),
        labels=case.labels,
        schedule=schedule or step_schedule(rule),
        compiled=engine == "compiled",
    )
    step, batch = start(made, setup), data.batch(torch.arange(len(data)))

    def action() -> None:
        with autocast(bench.device, precision):
            step(batch, keyed_generator(0, "step"))

    return action


def recorded_blocks(bench: Bench, case: Case) -> list[Recorded]:
    """Return every block of a case with its inputs and its activity in a training step."""
    data, net = bench.images(bench.batch_size, case.shape), case.net(bench.device)
    contrast, batch = contrast_of(case.rule("ff"), case.labels), data.batch(torch.arange(len(data)))
    recorded: list[Recorded] = []

    inputs, layout = contrast(batch, keyed_generator(0, "wrong"))

    def visit(index: int, block: Block, h: Tensor) -> Tensor:
        x = block.normalised(h, layout.stream)
        a = block.activity(x)
        recorded.append((block, h, x, a))
        return a

    with torch.no_grad(), autocast(bench.device, bench.precision):
        net.route(inputs, visit)
    return recorded


def floor(recorded: list[Recorded], precision: str) -> Callable[[], object]:
    """Return a function that makes the convolutions (matrix products) and weight-gradients of all blocks, no more."""
    dtype = torch.bfloat16 if precision == "bfloat16" else torch.float32
    parts: list[Callable[[], object]] = []
    for block, _, x, a in recorded:
        layer, inputs, activity = block.layer, x.to(dtype), a.to(dtype)
        weight = layer.weight.detach().to(dtype)
        if isinstance(layer, nn.Conv2d):
            parts += floor_of_conv(layer, weight, inputs, activity)
        else:
            parts += _floor_of_dense(weight, inputs, activity)

    @torch.no_grad()
    def action() -> None:
        for part in parts:
            part()

    return action


def floor_of_conv(layer: nn.Conv2d, weight: Tensor, x: Tensor, a: Tensor) -> list[Callable[[], object]]:
    """Return two functions: one makes a convolution, the other its weight-gradient.

    Example:
        >>> layer, x, a = nn.Conv2d(1, 2, 3, padding=1), torch.zeros(1, 1, 4, 4), torch.zeros(1, 2, 4, 4)
        >>> [part().shape for part in floor_of_conv(layer, layer.weight.detach(), x, a)]
        [torch.Size([1, 2, 4, 4]), torch.Size([2, 1, 3, 3])]
    """
    return [
        lambda: torch.conv2d(x, weight, None, layer.stride, layer.padding),
        lambda: conv2d_weight(x, list(weight.shape), a, layer.stride, layer.padding),
    ]


def _floor_of_dense(weight: Tensor, x: Tensor, a: Tensor) -> list[Callable[[], object]]:
    return [lambda: x @ weight.T, lambda: a.T @ x]
