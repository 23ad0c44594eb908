"""The parts of a training step."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from convff import AtImage, ForwardForward, Layout, Schedule, Seen, as_floats, autocast, label_passes, mean_goodness
from experiments.benchmarks.actions import Recorded, floor, recorded_blocks, training_step
from experiments.benchmarks.bench import CLASSES, Bench, Row
from experiments.benchmarks.cases import cases


def measure(bench: Bench) -> list[Row]:
    """Measure where the time of a step goes, part by part, each alone."""
    rows: list[Row] = []
    for case in [case for case in cases(bench) if case.name.startswith("cnn6") and case.label_at == AtImage()]:
        data, recorded = bench.images(bench.batch_size, case.shape), recorded_blocks(bench, case)
        images = as_floats(data.images)
        classes = torch.stack([data.classes, (data.classes + 1) % CLASSES], dim=1)
        optimizers = [Schedule().make_optimizer(block.layer.parameters()) for block, *_ in recorded]
        for block, *_ in recorded:
            for parameter in block.layer.parameters():
                parameter.grad = torch.zeros_like(parameter)
        whole = training_step(bench, case, "ff", bench.precision)
        parts: dict[str, Callable[[], object]] = {
            "labelling": partial(label_passes, case.labels, images, classes),
            "normalisation": _over(bench, recorded, lambda block, h, x, a: block.normalised(h)),
            "forward, relu": _over(bench, recorded, lambda block, h, x, a: block.activity(x)),
            "goodness": _over(bench, recorded, lambda block, h, x, a: mean_goodness(a)),
            "gate, weight-gradient, metrics": _over(bench, recorded, _direction),
            "pooling": _over(bench, recorded, lambda block, h, x, a: block.pool(a)),
            "optimiser": partial(_step_all, optimizers),
        }
        medians = bench.medians({"whole step": whole, "floor": floor(recorded, bench.precision)} | parts)
        for name, seconds in medians.items():
            share = seconds / medians["whole step"]
            rows.append({"network": case.name, "part": name, "ms": 1e3 * seconds, "share of the step": share})
    return rows


def _step_all(optimizers: list[torch.optim.Optimizer]) -> None:
    for optimizer in optimizers:
        optimizer.step()


class _GivenGoodness(ForwardForward):
    """The rule without its goodness, which is measured as another part."""

    def goodness(self, a: Tensor) -> Tensor:
        return torch.linspace(0, 1, len(a), device=a.device)


def _direction(block: Any, h: Tensor, x: Tensor, a: Tensor) -> object:
    targets = torch.zeros(len(a) // 2, dtype=torch.int64, device=a.device)
    return _GivenGoodness().direction(Seen(block, x, a, Layout(targets, passes=2)), None)


def _over(bench: Bench, recorded: list[Recorded], part: Callable[..., object]) -> Callable[[], object]:
    """Return a function that makes one part of a step, over all blocks."""

    @torch.no_grad()
    def action() -> None:
        with autocast(bench.device, bench.precision):
            for block, h, x, a in recorded:
                part(block, h, x, a)

    return action
