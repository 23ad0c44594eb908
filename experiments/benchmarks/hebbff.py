"""Time and memory of the HebbFF paper's networks, rule by rule: its table 2, in one run."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from convff import RULES, Autograd, LayerLocalNet, RandomNegatives, Schedule, Trainer, as_floats, keyed_generator, mlp
from experiments.benchmarks.bench import CLASSES, Bench, Row
from experiments.config.presets.hebbff_nets import WIDTHS
from experiments.tools.clock import peak_mib
from labels import LayerwiseLabels

PLAIN = Schedule(optimizer="sgd", momentum=0.0, lr=1e-6)
LABEL_SCALE = 0.5
USUAL = "ff by autograd, layers run again once trained"


def measure(bench: Bench) -> list[Row]:
    """Measure a step of plain SGD in float32 and its peak memory, weights included; ratios are to ff by autograd."""
    rows: list[Row] = []
    for name, papers in WIDTHS.items():
        widths = (8, 8, 4) if bench.small else papers
        steps: dict[str, Callable[[], object]] = {
            "bp": _trained(bench, widths[:-1], RULES["bp"]()),
            USUAL: _usual(bench, widths, again=True),
            "ff by autograd, layers run once": _usual(bench, widths, again=False),
            "ff, --engine autograd": _trained(bench, widths, Autograd(rule=RULES["ff"]())),
            "ff": _trained(bench, widths, RULES["ff"]()),
            "hebbff": _trained(bench, widths, RULES["hebbff"]()),
        }
        weights = _weights_mib(_net(bench, widths))
        # Of the first steps: before them no gradient is held.
        memory = {rule: weights + peak_mib(step, bench.device) for rule, step in steps.items()}
        medians = bench.medians(steps)
        rows += [
            {
                "network": name,
                "rule": rule,
                "precision": "float32",
                "ms": 1e3 * seconds,
                "MiB": memory[rule],
                "of which weights": weights,
                "time over autograd ff": seconds / medians[USUAL],
                "memory over autograd ff": memory[rule] / memory[USUAL],
                "time over hebbff": seconds / medians["hebbff"],
            }
            for rule, seconds in medians.items()
        ]
    return rows


def _net(bench: Bench, widths: tuple[int, ...]) -> LayerLocalNet:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = mlp((1 + CLASSES, 28, 28), widths=widths, label_channels=CLASSES, label_scale=LABEL_SCALE)
    return net.to(bench.device)


def _weights_mib(net: LayerLocalNet) -> float:
    return sum(parameter.numel() * parameter.element_size() for parameter in net.parameters()) / 2**20


def _trained(bench: Bench, widths: tuple[int, ...], rule: object) -> Callable[[], object]:
    """Return a step as the trainer takes it."""
    data, labels = bench.images(bench.batch_size, (1, 28, 28)), LayerwiseLabels(CLASSES, (28, 28))
    step = Trainer(_net(bench, widths), labels, rule, schedule=PLAIN).step  # type: ignore[arg-type]
    batch = data.batch(torch.arange(len(data)))
    return lambda: step(batch, keyed_generator(0, "step"))


def _usual(bench: Bench, widths: tuple[int, ...], *, again: bool) -> Callable[[], object]:
    """Return a step of FF as in public code: two passes, a loss per layer, `backward` and an optimiser.

    Args:
        bench: where to compute.
        widths: units of each layer.
        again: run each layer again after its step, for the input of the next one, as in code with a `train` method per
            layer (pezeshki's and its successors).
    """
    data, net = bench.images(bench.batch_size, (1, 28, 28)), _net(bench, widths)
    images = as_floats(data.images).flatten(1)
    optimizers = [torch.optim.SGD(block.layer.parameters(), lr=PLAIN.lr) for block in net]

    def active(layer: nn.Module, norm: nn.Module, h: Tensor, label: Tensor) -> Tensor:
        return torch.relu(layer(norm(torch.cat([h, label], dim=1))))

    def action() -> None:
        wrong = RandomNegatives()(data.classes, CLASSES, keyed_generator(0, "step"))[:, 0]
        label, no_label = (F.one_hot(classes, CLASSES).float() for classes in (data.classes, wrong))
        right_input = wrong_input = images
        for block, optimizer in zip(net, optimizers, strict=True):
            right = active(block.layer, block.norm, right_input, label)
            not_right = active(block.layer, block.norm, wrong_input, no_label)
            goodness, wrong_goodness = right.square().mean(dim=1), not_right.square().mean(dim=1)
            loss = F.softplus(1 - goodness).mean() + F.softplus(wrong_goodness - 1).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if again:
                with torch.no_grad():
                    right = active(block.layer, block.norm, right_input, label)
                    not_right = active(block.layer, block.norm, wrong_input, no_label)
            right_input, wrong_input = right.detach(), not_right.detach()

    return action
