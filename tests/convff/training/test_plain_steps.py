"""A plain step adds the two factors of a direction to the weights, and holds no whole direction: the same step."""

import copy
from dataclasses import dataclass
from typing import Any

import pytest
import torch

from convff import (
    RULES,
    Batch,
    LabelContrast,
    LayerLocalNet,
    LocalStep,
    LocalUpdate,
    Outer,
    RandomNegatives,
    Schedule,
    Seen,
    Setup,
    Softmax,
    Stabilised,
    Step,
    Symmetric,
    Threshold,
    cnn3,
    keyed_generator,
    mlp,
)
from convff.outer import add_outer_linear_, gated
from convff.stabilisers import Oja
from experiments.tools.clock import peak_mib
from labels import LayerwiseLabels
from tests.convff.samples import Two

LABELS = LayerwiseLabels(4, (8, 8))
PLAIN = Schedule(optimizer="sgd", momentum=0.0, lr=0.01)
GATES = [Threshold(theta=1.0), Symmetric(scale=8.0), Softmax(scale=8.0)]


def net(widths: tuple[int, ...] = (30, 20, 10)) -> LayerLocalNet:
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
        add_outer_linear_(layer, x, gated(a, c), 0.1)
    torch.testing.assert_close(layer.weight.data, torch.tensor(weight, dtype=torch.float64), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(layer.bias.data, torch.tensor(bias, dtype=torch.float64), rtol=1e-12, atol=1e-12)


@dataclass(frozen=True)
class Whole:
    """A rule whose direction is never left as two factors."""

    rule: Any

    def __getattr__(self, name: str) -> Any:
        return getattr(self.rule, name)

    def direction(self, seen: Seen, state: Any) -> LocalUpdate:
        update = self.rule.direction(seen, state)
        return update._replace(terms=(update.dense(seen.block.layer),))


def step(rule: Any, of: LayerLocalNet, schedule: Schedule = PLAIN, **changes: Any) -> Step:
    contrast = LabelContrast(LABELS, RandomNegatives(2))
    return LocalStep(rule, Setup(net=of, labels=LABELS, schedule=schedule, contrast=contrast, **changes))


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("gate", GATES, ids=lambda gate: type(gate).__name__)
@pytest.mark.parametrize("rule", ["ff", "hebbff"])
def test_it_is_the_same_step(rule: str, gate: Any, precision: torch.dtype) -> None:
    first = net()
    second = copy.deepcopy(first)
    made = RULES[rule](gate=gate)
    # The same length of step for both rules: ff takes the mean over 16 images and about 20 units.
    plain = Schedule(optimizer="sgd", momentum=0.0, lr=0.3 if rule == "ff" else 0.002)
    steps = [step(made, first, plain), step(Whole(made), second, plain)]
    before = [p.clone() for p in first.parameters()]
    for turn in range(3):
        images = torch.rand(16, 3, 8, 8, generator=keyed_generator(0, "images", turn))
        batch = Batch(images, torch.randint(4, (16,), generator=keyed_generator(0, "classes", turn)))
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision == torch.bfloat16):
            metrics = [each(batch, keyed_generator(0, "step", turn)) for each in steps]
        assert metrics[0].keys() == metrics[1].keys()
    for old, ours, theirs in zip(before, first.parameters(), second.parameters(), strict=True):
        moved = (ours - old).norm()
        assert moved > 1e-4 * old.norm()
        assert (ours - theirs).norm() <= 1e-4 * moved


def peak(rule: Any, schedule: Schedule = PLAIN, **changes: Any) -> float:
    """MiB that a step allocates; the largest layer has 4 MiB of weights."""
    batch = Batch(torch.rand(8, 3, 8, 8), torch.arange(8) % 4)
    taken = step(rule, net((1024, 1024)), schedule, **changes)
    return peak_mib(lambda: taken(batch, keyed_generator(0, "step")), torch.device("cpu"))


def test_a_whole_direction_is_held_only_where_it_is_needed() -> None:
    hebbff = RULES["hebbff"]()
    assert peak(hebbff) < 1
    assert peak(RULES["ff"]()) < 1
    assert peak(Whole(hebbff)) > 4
    assert peak(hebbff, Schedule(optimizer="sgd", momentum=0.9)) > 4
    assert peak(hebbff, processes=Two()) > 4  # a sum over processes needs it whole
    assert peak(Stabilised(rule=hebbff, stabilisers=(Oja(),))) > 4  # so does a sum of terms


def test_a_direction_is_the_sum_of_its_terms() -> None:
    layer = torch.nn.Linear(2, 1)
    outer = Outer(torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0]]))
    update = LocalUpdate((outer, {"weight": torch.tensor([[1.0, 1.0]])}, outer), None, {})
    whole = update.dense(layer)
    assert whole["weight"].tolist() == [[7.0, 13.0]]
    assert whole["bias"].tolist() == [6.0]
    assert outer.dense(layer)["weight"].tolist() == [[3.0, 6.0]]  # no term was changed by the sum


def test_a_gate_may_be_of_any_shape_that_fits_the_activity() -> None:
    a = torch.rand(3, 2, 4, 4)
    by_pass, by_channel = torch.rand(3), torch.rand(3, 2, 1, 1)
    assert torch.equal(gated(a, by_pass), a * by_pass[:, None, None, None])
    assert torch.equal(gated(a, by_channel), a * by_channel)


def test_convolutions_step_too() -> None:
    convolutions = cnn3((7, 8, 8), width=4, kernel=3)
    before = [p.clone() for p in convolutions.parameters()]
    batch = Batch(torch.rand(8, 3, 8, 8), torch.arange(8) % 4)
    step(RULES["ff"](), convolutions)(batch, keyed_generator(0, "step"))
    assert not any(torch.equal(old, new) for old, new in zip(before, convolutions.parameters(), strict=True))


def test_a_step_in_bfloat16_holds_a_piece_of_the_direction_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    layer = torch.nn.Linear(1024, 2048)
    x, a = torch.rand(8, 1024).bfloat16(), torch.rand(8, 2048).bfloat16()
    c = torch.linspace(-1, 1, 8)
    expected = layer.weight.data + 0.1 * (a * c.bfloat16()[:, None]).T.float() @ x.float()
    monkeypatch.setattr("convff.outer.CACHED", 100_000)  # 97 units at a time, which do not go into 2048
    with torch.no_grad():
        held = peak_mib(lambda: add_outer_linear_(layer, x, gated(a, c.bfloat16()), 0.1), torch.device("cpu"))
    torch.testing.assert_close(layer.weight.data, expected, rtol=0, atol=0.1 * 2**-8 * 4)
    assert held < 1  # MiB; the direction has 4 in bfloat16, and 8 more as it is added
