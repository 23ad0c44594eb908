"""The plain step in place: the same step as with a direction in between, in less memory, only where it is the same."""

import copy
from dataclasses import dataclass
from typing import ClassVar

import pytest
import torch
from torch import Tensor

from convff import (
    RULES,
    Block,
    HebbianForwardForward,
    Schedule,
    Softmax,
    Stabilised,
    Symmetric,
    Threshold,
    Trainer,
    cnn3,
    mlp,
)
from convff.functional import hebbian_step_linear_
from convff.machine.processes import OneProcess
from convff.randomness import keyed_generator
from convff.rules import Autograd, LocalUpdate
from convff.stabilisers import Oja
from convff.training.in_place import InPlaceStep
from convff.training.local_step import LocalStep
from convff.training.negatives import RandomNegatives
from experiments.tools.clock import peak_mib
from labels import LayerwiseLabels, LearnedLabels

LABELS = LayerwiseLabels(4, (8, 8))
PLAIN = Schedule(optimizer="sgd", momentum=0.0, lr=0.01)
GATES = [Threshold(theta=1.0), Symmetric(scale=8.0), Softmax(scale=8.0)]


def net(widths: tuple[int, ...] = (30, 20, 10)):
    torch.manual_seed(0)
    return mlp((7, 8, 8), widths=widths, label_channels=4, label_scale=0.5)


def test_the_equation_is_what_a_loop_makes_of_it() -> None:
    generator = keyed_generator(0, "equation")
    x, a, c = (torch.rand(*size, generator=generator, dtype=torch.float64) for size in ((5, 3), (5, 2), (5,)))
    c -= 0.5
    layer = torch.nn.Linear(3, 2, dtype=torch.float64)
    weight, bias = layer.weight.tolist(), layer.bias.tolist()
    for n in range(5):
        for o in range(2):
            bias[o] += 0.1 * c[n].item() * a[n, o].item()
            for i in range(3):
                weight[o][i] += 0.1 * c[n].item() * a[n, o].item() * x[n, i].item()
    with torch.no_grad():
        hebbian_step_linear_(layer, x, a, c, 0.1)
    torch.testing.assert_close(layer.weight.data, torch.tensor(weight, dtype=torch.float64), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(layer.bias.data, torch.tensor(bias, dtype=torch.float64), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("gate", GATES, ids=lambda gate: type(gate).__name__)
@pytest.mark.parametrize("rule", ["ff", "hebbff"])
def test_it_is_the_same_step(rule: str, gate, precision: torch.dtype) -> None:
    first = net()
    second = copy.deepcopy(first)
    made = RULES[rule](gate=gate)
    # The same length of step for both rules: ff takes the mean over 16 images and about 20 units.
    plain = Schedule(optimizer="sgd", momentum=0.0, lr=0.3 if rule == "ff" else 0.002)
    steps = [
        kind(n, LABELS, made, RandomNegatives(2), plain) for kind, n in ((LocalStep, first), (InPlaceStep, second))
    ]
    before = [p.clone() for p in first.parameters()]
    for turn in range(3):
        images = torch.rand(16, 3, 8, 8, generator=keyed_generator(0, "images", turn))
        classes = torch.randint(4, (16,), generator=keyed_generator(0, "classes", turn))
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision == torch.bfloat16):
            metrics = [step(images, classes, keyed_generator(0, "step", turn)) for step in steps]
        assert metrics[0].keys() == metrics[1].keys()
    for old, ours, theirs in zip(before, first.parameters(), second.parameters(), strict=True):
        moved = (ours - old).norm()
        assert moved > 1e-4 * old.norm()
        assert (ours - theirs).norm() <= 1e-4 * moved


def test_it_holds_no_direction() -> None:
    """The largest layer has 4 MiB of weights: a step with a direction needs as much, one in place far less."""
    images, classes = torch.rand(8, 3, 8, 8), torch.arange(8) % 4
    peaks = {}
    for kind in (LocalStep, InPlaceStep):
        step = kind(net((1024, 1024)), LABELS, RULES["hebbff"](), RandomNegatives(), PLAIN)
        peaks[kind] = peak_mib(lambda step=step: step(images, classes, keyed_generator(0, "step")), torch.device("cpu"))
    assert peaks[LocalStep] > 4
    assert peaks[InPlaceStep] < 1


def test_a_step_in_bfloat16_holds_a_piece_of_the_direction_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    layer = torch.nn.Linear(1024, 2048)
    x, a = torch.rand(8, 1024).bfloat16(), torch.rand(8, 2048).bfloat16()
    c = torch.linspace(-1, 1, 8)
    expected = layer.weight.data + 0.1 * (a * c.bfloat16()[:, None]).T.float() @ x.float()
    monkeypatch.setattr("convff.functional.CACHED", 100_000)  # 97 units at a time, which do not go into 2048
    with torch.no_grad():
        peak = peak_mib(lambda: hebbian_step_linear_(layer, x, a, c, 0.1), torch.device("cpu"))
    torch.testing.assert_close(layer.weight.data, expected, rtol=0, atol=0.1 * 2**-8 * 4)
    assert peak < 1  # MiB; the direction has 4 in bfloat16, and 8 more as it is added


class Two(OneProcess):
    size = 2


class Still(HebbianForwardForward):
    """A direction of its own: none at all."""

    def direction(self, block: Block, x: Tensor, a: Tensor, g: Tensor, state: None) -> LocalUpdate:
        update = super().direction(block, x, a, g, state)
        return update._replace(grads={name: torch.zeros_like(grad) for name, grad in update.grads.items()})


@dataclass(frozen=True, kw_only=True)
class Constrained(HebbianForwardForward):
    """The outer product, and a constraint after it."""

    is_outer_product: ClassVar[bool] = True

    def constrain(self, block: Block, state: None) -> None: ...


def kind_of_step(**changes: object) -> type:
    arguments = {"net": net(), "labels": LABELS, "rule": RULES["hebbff"](), "schedule": PLAIN} | changes
    trainer = Trainer(arguments.pop("net"), arguments.pop("labels"), arguments.pop("rule"), **arguments)
    return type(trainer.step)


def test_it_is_taken_where_it_is_the_same_and_nowhere_else() -> None:
    assert kind_of_step() is InPlaceStep
    assert kind_of_step(rule=RULES["ff"]()) is InPlaceStep
    for changes in (
        {"schedule": Schedule(optimizer="sgd", momentum=0.9)},
        {"schedule": Schedule(optimizer="adam")},
        {"rule": Autograd(rule=RULES["ff"]())},
        {"rule": Stabilised(rule=RULES["hebbff"](), stabilisers=(Oja(),))},
        {"rule": Still()},
        {"rule": Constrained()},
        {"compiled": True},
        {"processes": Two()},
        {"labels": LearnedLabels(4, (8, 8)), "net": mlp((4, 8, 8), widths=(5, 5))},
        {"net": cnn3((7, 8, 8), width=4, kernel=3)},
    ):
        assert kind_of_step(**changes) is LocalStep, changes
