"""A wrong setting explains itself: each fault provoked by a real training, and sane trainings left alone."""

import itertools
import math
import warnings

import pytest
import torch
from torch import nn

from convff import (
    RULES,
    EpochRecord,
    Finding,
    ForwardForward,
    HebbianForwardForward,
    ImageData,
    LayerLocalNet,
    Schedule,
    Softmax,
    Symmetric,
    Threshold,
    Trainer,
    TrainingWarning,
    cnn3,
)
from convff.gates import Gate
from convff.randomness import keyed_generator
from convff.rules import Autograd, LocalRule
from convff.rules.gated import gate_metrics
from convff.training.health import HealthCheck, dead_layers, growing_weights, saturated_gates, weight_rms
from labels import FourierLabels

SIZE = (8, 8)


def images() -> ImageData:
    """Four classes that are easily told apart: a pattern each, and a little noise."""
    patterns = torch.randint(200, (4, 1, *SIZE), generator=keyed_generator(0, "patterns"))
    noise = torch.randint(50, (10, 4, 1, *SIZE), generator=keyed_generator(0, "noise"))
    return ImageData((patterns + noise).flatten(0, 1).byte(), torch.arange(40) % 4, tuple("abcd"), "patterns")


def network() -> LayerLocalNet:
    torch.manual_seed(0)
    return cnn3((1, *SIZE), width=8, kernel=3)


def train(
    rule: object, net: LayerLocalNet | None = None, *, of_epochs: int | None = None, **schedule: object
) -> tuple[list[EpochRecord], list[warnings.WarningMessage]]:
    options = {"epochs": 1, "batch_size": 4} | schedule
    trainer = Trainer(net or network(), FourierLabels(4, SIZE), rule, schedule=Schedule(**options))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        records = list(itertools.islice(trainer.fit(images()), of_epochs))
    assert [str(w.message) for w in caught] == [str(f) for record in records for f in record.findings]
    return records, caught


def first(found: list[EpochRecord], fault: str, block: int) -> Finding:
    return next(f for record in found for f in record.findings if (f.fault, f.block) == (fault, block))


FAR_THETA = Threshold(theta=1000.0)


@pytest.mark.parametrize("wrap", [lambda rule: rule, lambda rule: Autograd(rule=rule)], ids=["closed", "autograd"])
@pytest.mark.parametrize(
    "rule", [ForwardForward(gate=FAR_THETA), HebbianForwardForward(gate=FAR_THETA)], ids=["ff", "hebbff"]
)
def test_a_threshold_out_of_reach(rule: LocalRule, wrap: object) -> None:
    records, _ = train(wrap(rule))
    finding = first(records, "saturated gates", 1)
    goodness = f"{records[0].metrics['goodness'][0]:.3g}"
    message = str(finding)
    assert message.startswith("saturated gates in block 1, epoch 1: 100 % of its gates are fully open or shut")
    assert f"only strengthened, for their goodness, {goodness} on average, is far below theta" in message
    assert "try a smaller theta (by default " in message


def test_a_threshold_far_below_a_sum_of_squares() -> None:
    """The failure that public code shows: goodness is summed over hundreds of units, and theta is 2."""
    rule = ForwardForward(gate=Threshold(theta=2.0), reduction="sum")
    # At this pace it would arrive in time, but it is weakened all the way.
    records, _ = train(rule, lr=1e-4, epochs=100, of_epochs=1)
    finding = first(records, "saturated gates", 2)
    assert "only weakened" in finding.figure
    assert "far above theta" in finding.figure
    assert finding.remedy.startswith("a larger theta")


@pytest.mark.parametrize("gate", [Symmetric(scale=1e6), Softmax(scale=1e6)], ids=repr)
def test_a_gate_too_steep_for_the_goodness(gate: object) -> None:
    records, _ = train(ForwardForward(gate=gate))
    finding = first(records, "saturated gates", 1)
    wrong = 1 - records[0].metrics["discrimination"][0]
    assert f"{100 * wrong:.3g} % of the block's decisions are wrong" in finding.figure
    assert finding.remedy == "a smaller scale"


def test_a_dead_layer() -> None:
    net = network()
    nn.init.constant_(net.blocks[1].layer.bias, -100.0)
    nn.init.constant_(net.blocks[2].layer.bias, -100.0)
    records, _ = train(RULES["ff"](), net)
    assert str(first(records, "dead layer", 2)).startswith(
        "dead layer in block 2, epoch 1: 100 % of its passes have no activity at all; try a smaller lr"
    )
    assert first(records, "dead layer", 3).remedy.startswith("fixing block 2 first")
    assert {(f.fault, f.block) for f in records[0].findings} == {("dead layer", 2), ("dead layer", 3)}


def test_too_large_a_rate_kills() -> None:
    records, _ = train(RULES["hebbff"](), optimizer="adam", lr=1.0)
    assert records[0].metrics["silent"][0] == pytest.approx(0.7)  # 3 of 10 steps until it was dead
    assert str(first(records, "dead layer", 1)).startswith("dead layer in block 1, epoch 1: 70 % of its passes")
    assert "smaller lr" in first(records, "dead layer", 1).remedy


@pytest.mark.parametrize("rule", ["ff", "hebbff", "bp"])
@pytest.mark.parametrize("optimizer", ["sgd", "adam", "relative"])
def test_weights_without_bound(rule: str, optimizer: str) -> None:
    net = network()
    before = weight_rms(net)
    records, _ = train(RULES[rule](), net, optimizer=optimizer, lr=30.0)
    finding = next(f for f in records[0].findings if f.fault == "growing weights")
    ratio = records[0].metrics["weight_rms"][finding.block - 1] / before[finding.block - 1]
    assert f"its weights are {ratio:.3g} times as long as at the start" in str(finding)
    assert finding.remedy == "a smaller lr"


@pytest.mark.parametrize("rate", [("adam", 0.003), ("relative", 0.01), ("sgd", 0.001)], ids=lambda pair: pair[0])
@pytest.mark.parametrize(
    "rule",
    [
        ForwardForward(gate=Symmetric(scale=100.0)),
        ForwardForward(gate=Softmax(scale=100.0)),
        ForwardForward(gate=Threshold()),
        HebbianForwardForward(),
        RULES["bp"](),
    ],
    ids=["symmetric", "softmax", "threshold", "hebbff", "bp"],
)
def test_sane_settings_are_left_alone(rule: object, rate: tuple[str, float]) -> None:
    optimizer, lr = rate
    if isinstance(rule, HebbianForwardForward) and optimizer == "sgd":
        lr = 1e-5  # its directions are sums over images and positions, not means
    records, caught = train(rule, optimizer=optimizer, lr=lr, epochs=5)
    assert not caught
    assert len(records[-1].metrics["weight_rms"]) == 3


def test_gates_shut_by_success_are_no_fault() -> None:
    """A gate that is far too steep is a fault as long as the network is new, and none once it has learnt everything."""
    steep = ForwardForward(gate=Symmetric(scale=1e6))
    assert train(steep, lr=1e-5)[1]
    net = network()
    _, caught = train(ForwardForward(gate=Symmetric(scale=1000.0)), net, lr=0.003, epochs=12)
    (record,), caught_later = train(steep, net, lr=1e-5)
    assert min(record.metrics["saturation"]) > 0.99
    assert min(record.metrics["discrimination"]) > 0.95
    assert not caught + caught_later


def test_each_fault_of_a_block_is_told_once() -> None:
    records, caught = train(ForwardForward(gate=FAR_THETA), lr=1e-5, epochs=3)
    assert [len(record.findings) for record in records] == [3, 0, 0]
    assert all(issubclass(w.category, TrainingWarning) for w in caught)
    assert {w.filename for w in caught} == {__file__}


def test_a_check_reports_a_fault_of_another_block_later() -> None:
    check = HealthCheck([1.0, 1.0])
    epochs = [{"silent": [0.9, 0.0], "weight_rms": [1.0, 1.0]}, {"silent": [0.9, 0.9], "weight_rms": [1.0, 50.0]}]
    found = [check(epoch, metrics, metrics, 2 - epoch) for epoch, metrics in enumerate(epochs)]
    assert [[(f.fault, f.block, f.epoch) for f in findings] for findings in found] == [
        [("dead layer", 1, 1)],
        [("dead layer", 2, 2), ("growing weights", 2, 2)],
    ]


@pytest.mark.parametrize(("silent", "dead"), [(0.0, 0), (0.5, 0), (0.51, 1), (1.0, 1), (math.nan, 0)])
def test_most_passes_of_a_dead_layer_are_silent(silent: float, dead: int) -> None:
    assert len(dead_layers(0, {"silent": [silent]})) == dead


@pytest.mark.parametrize(
    ("now", "before", "grows"),
    [
        (19.9, 1.0, False),  # long, but not yet too long
        (20.1, 1.0, True),
        (20.1, 20.0, False),  # too long, but at rest
        (1e9, 0.9e9, True),
        (math.inf, 1.0, True),
        (math.nan, math.inf, True),
    ],
)
def test_weights_grow_that_are_long_and_do_not_rest(now: float, before: float, grows: bool) -> None:
    assert bool(growing_weights(0, [now], [before], [1.0])) == grows


def test_weights_that_start_at_0_are_measured_against_nothing() -> None:
    assert not growing_weights(0, [5.0], [0.0], [0.0])


def gates(
    right: float, wrong: float, *, saturation: float = 1.0, halfway: float = 1.0, left: int = 9, **more: float
) -> str | None:
    """The figure of a finding about the gates of a block whose loss is 1; None if there is no finding."""
    of_block = {"loss": 1.0, "discrimination": 0.5, "goodness": 3.0, "silent": 0.0, "saturation": saturation}
    of_block |= {"gate_right": right, "gate_wrong": wrong} | more
    found = saturated_gates(0, {name: [value] for name, value in of_block.items()}, {"loss": [halfway]}, left)
    return found[0].figure if found else None


def test_what_saturated_gates_tell() -> None:
    assert "only strengthened" in gates(1.0, 0.0)
    assert "only weakened" in gates(0.0, 1.0)
    assert "50 % of the block's decisions are wrong" in gates(0.5, 0.5)  # pairs
    assert "near miss" in gates(0.6, 0.4)  # the threshold gate
    assert gates(0.04, 0.04) is None  # learnt


def test_half_open_gates_are_no_fault() -> None:
    assert gates(1.0, 0.0, saturation=0.98) is None
    assert gates(0.5, 0.5, saturation=0.98) is None
    assert gates(0.6, 0.4, saturation=0.999) is None  # the threshold gate of the FF papers


def test_gates_may_need_epochs_to_leave_saturation() -> None:
    """A loss of 1.05 in the first half and of 1 in the whole epoch falls by 0.2 per epoch: it is gone in 5 more."""
    assert gates(1.0, 0.0, halfway=1.05, left=5) is None
    assert gates(1.0, 0.0, halfway=1.05, left=3) is not None
    assert gates(0.6, 0.4, halfway=1.05, left=5) is None
    assert gates(0.0, 1.0, halfway=1.05, left=5) is not None  # on the way to a dead layer
    assert gates(0.5, 0.5, halfway=1.05, left=5) is not None


def test_a_dead_layer_is_not_reported_for_its_gates_too() -> None:
    assert gates(1.0, 0.0, silent=1.0) is None


def test_rules_with_fewer_metrics_are_left_alone() -> None:
    assert not saturated_gates(0, {"loss": [1.0], "saturation": [1.0]}, {"loss": [1.0]}, 0)
    assert not dead_layers(0, {"loss": [1.0]})


def test_weight_rms_counts_weights_and_biases() -> None:
    net = network()
    for rms, block in zip(weight_rms(net), net, strict=True):
        values = torch.cat([parameter.detach().flatten() for parameter in block.layer.parameters()])
        assert rms == pytest.approx(values.square().mean().sqrt().item(), rel=1e-5)
    nn.init.constant_(net.blocks[0].layer.weight, 1e30)  # whose square no float32 holds
    assert weight_rms(net)[0] == pytest.approx(1e30, rel=0.2)


@pytest.mark.parametrize("gate", [Threshold(theta=1.5), Symmetric(), Softmax()], ids=repr)
def test_metrics_of_the_gates_by_hand(gate: Gate) -> None:
    g = torch.tensor([[3.0, 1.0, 0.0], [0.0, 2.0, 1.0]], dtype=torch.float64)
    metrics = gate_metrics(gate, g, gate(g, 1.0), unit_goodness=1.0, passes=6)
    c = gate(g, 1.0).tolist()
    expected = {
        "gate_right": (c[0][0] + c[1][0]) / 2,
        "gate_wrong": -(c[0][1] + c[0][2] + c[1][1] + c[1][2]) / 2,
        "goodness": 7 / 6,
        "silent": 2 / 6,
    }
    assert {name: metrics[name].item() for name in expected} == pytest.approx(expected, rel=1e-6)
