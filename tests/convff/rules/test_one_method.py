"""Under a step that ignores how long a direction is, FF and HebbFF are one method."""

import pytest
import torch

from convff import (
    RULES,
    AtImage,
    AtOutput,
    Batch,
    LocalStep,
    Place,
    Schedule,
    Setup,
    Softmax,
    Threshold,
    cnn6,
    keyed_generator,
)
from convff.gates import Gate
from labels import FourierLabels, LabelGenerator, NoLabels

CLASSES, SIZE, STEPS = 3, (8, 8), 4


def trained(rule: str, place: Place, gate: Gate, labels: LabelGenerator, schedule: Schedule) -> torch.Tensor:
    """All weights and biases after some steps, in float64."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = cnn6((1, *SIZE), widths=(6, 9, 6), pool_after=(1,)).double()
    step = LocalStep(RULES[rule](gate=gate, label_at=place), Setup(net=net, labels=labels, schedule=schedule))
    images = torch.rand(12, 1, *SIZE, generator=keyed_generator(0, "one method"), dtype=torch.float64)
    for number in range(STEPS):
        step(Batch(images.roll(number, dims=3), torch.arange(12) % CLASSES), keyed_generator(0, "draws", number))
    return torch.cat([parameter.detach().flatten() for parameter in net.parameters()])


@pytest.mark.parametrize("optimizer", ["relative", "orthogonal", "per_neuron", "sign"])
@pytest.mark.parametrize(
    ("place", "labels"), [(AtImage(), FourierLabels(CLASSES, SIZE)), (AtOutput(CLASSES), NoLabels(CLASSES))]
)
@pytest.mark.parametrize("gate", [Softmax(scale=8.0), Threshold(theta=0.1, scale=2.0)])
def test_both_rules_take_the_same_steps(place: Place, labels: LabelGenerator, gate: Gate, optimizer: str) -> None:
    schedule = Schedule(optimizer=optimizer, lr=0.01, momentum=0.9)
    ff, hebbff = (trained(rule, place, gate, labels, schedule) for rule in ("ff", "hebbff"))
    assert (ff - hebbff).abs().max() <= 1e-9 * ff.abs().max()
    before = trained("ff", place, gate, labels, Schedule(optimizer=optimizer, lr=1e-12))
    assert (ff - before).abs().max() > 1e-3  # they have moved


def test_plain_steps_differ() -> None:
    plain = Schedule(optimizer="sgd", lr=0.01, momentum=0.0)
    place, labels = AtOutput(CLASSES), NoLabels(CLASSES)
    ff, hebbff = (trained(rule, place, Softmax(scale=8.0), labels, plain) for rule in ("ff", "hebbff"))
    assert (ff - hebbff).abs().max() > 1e-3
