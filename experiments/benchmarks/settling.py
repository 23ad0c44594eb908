"""A step of a network that settles, by number of iterations, beside backpropagation through the same iterations."""

from collections.abc import Callable

import torch
from torch import Tensor

from convff import RecurrentForwardForward, RecurrentNet, Setup, keyed_generator, recurrent_mlp, settled_states, start
from experiments.benchmarks.bench import CLASSES, Bench, Row
from experiments.tools.clock import peak_mib
from labels import NoLabels

GRAY = (1, 28, 28)


def measure(bench: Bench) -> list[Row]:
    """Measure the time and the peak memory of a step: activations and workspace, without parameters."""
    actions = {
        (kind, iterations): action
        for iterations in (2, 4, 8, 16)
        for kind, action in _actions(bench, iterations).items()
    }
    for action in actions.values():
        action()  # optimiser states are made in the first step
    mib = {key: peak_mib(action, bench.device) for key, action in actions.items()}
    medians = bench.medians({f"{kind}, {iterations}": action for (kind, iterations), action in actions.items()})
    return [
        {
            "learning": kind,
            "iterations": iterations,
            "ms": 1e3 * medians[f"{kind}, {iterations}"],
            "MiB": mib[kind, iterations],
            "over 4 iterations": mib[kind, iterations] / mib[kind, 4],
        }
        for kind, iterations in sorted(actions)
    ]


def _actions(bench: Bench, iterations: int) -> dict[str, Callable[[], object]]:
    """Return a local step, and the gradient through all iterations of the goodness after the last one."""
    rule = RecurrentForwardForward(iterations=iterations, counted=(1, 1))
    net, labels, data = _net(bench), NoLabels(CLASSES), bench.images(bench.batch_size, GRAY)
    step = start(rule, Setup(net=net, labels=labels))
    batch = data.batch(torch.arange(len(data)))
    other, pairs = _net(bench), torch.stack([batch.targets, (batch.targets + 1) % CLASSES], dim=1)

    def local() -> None:
        step(batch, keyed_generator(0, "step"))

    def through_time() -> tuple[Tensor, ...]:
        states = settled_states(other, batch.inputs, pairs, iterations=iterations)
        goodness = torch.stack([rule.goodness(s[:, -1]) for s in states]).sum(dim=0).view(-1, 2)
        return torch.autograd.grad((goodness[:, 1] - goodness[:, 0]).mean(), [*other.parameters()])

    return {"at every iteration": local, "through all iterations": through_time}


def _net(bench: Bench) -> RecurrentNet:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = recurrent_mlp(GRAY, widths=(8, 8) if bench.small else (500, 500))
    return net.to(bench.device)
