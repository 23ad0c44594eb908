"""A readout that learns from another one's probabilities."""

from dataclasses import replace

import pytest
import torch

from convff import LinearReadout, SoftmaxReadout, distil, mlp, probabilities
from labels import OneHotLabels
from tests.convff.samples import noise

DATA = noise(60, channels=1)


def readout_of(seed: int, width: int = 40) -> LinearReadout:
    torch.manual_seed(seed)
    return LinearReadout(mlp((1, 8, 8), widths=(10, width)), OneHotLabels(5), (1, 8, 8))


def test_a_pupil_gives_the_probabilities_of_its_teacher_and_never_sees_a_class() -> None:
    teacher = readout_of(0)
    teacher.fit(DATA, l2=0.03)
    taught = probabilities(teacher, DATA)
    torch.testing.assert_close(taught.sum(dim=1), torch.ones(60))
    features = teacher.features_of(DATA)
    torch.testing.assert_close(taught, torch.softmax(teacher.linear(features), dim=1))
    pupils = [readout_of(1, width=100) for _ in range(2)]
    for pupil, classes in zip(pupils, (DATA.classes, DATA.classes.flip(0)), strict=True):
        distil(pupil, replace(DATA, classes=classes), taught, l2=1e-4, iterations=100)
    assert torch.equal(pupils[0].linear.weight, pupils[1].linear.weight)
    assert (probabilities(pupils[0], DATA) - taught).abs().mean() < 0.02
    assert (pupils[0].predict(DATA) == teacher.predict(DATA)).float().mean() > 0.85


def test_certain_probabilities_are_classes() -> None:
    by_class, by_probability = readout_of(0), readout_of(0)
    by_class.fit(DATA)
    distil(by_probability, DATA, torch.nn.functional.one_hot(DATA.classes, 5).float())
    torch.testing.assert_close(by_probability.linear.weight, by_class.linear.weight, rtol=1e-3, atol=1e-4)


def test_a_temperature_softens_what_is_taught_and_not_what_is_learnt() -> None:
    teacher, pupil = readout_of(0), readout_of(0)
    teacher.fit(DATA, l2=0.03)
    soft = probabilities(teacher, DATA, temperature=4.0)
    assert soft.max(dim=1).values.mean() < probabilities(teacher, DATA).max(dim=1).values.mean()
    distil(pupil, DATA, soft, temperature=4.0, l2=0.0, iterations=200)
    torch.testing.assert_close(probabilities(pupil, DATA), probabilities(teacher, DATA), rtol=0, atol=0.05)


def test_bad_teaching_is_refused() -> None:
    with pytest.raises(ValueError, match=r"probabilities \[60, 5\] for them, got 60 and \[60, 4\]"):
        distil(readout_of(0), DATA, torch.rand(60, 4))
    with pytest.raises(ValueError, match="2 or more images"):
        distil(readout_of(0), DATA.part(0, 1), torch.rand(1, 5))
    for call in (
        lambda: probabilities(readout_of(0), DATA, temperature=0.0),
        lambda: distil(readout_of(0), DATA, torch.rand(60, 5), temperature=-1.0),
    ):
        with pytest.raises(ValueError, match="temperature must be positive"):
            call()
    softmax = SoftmaxReadout(mlp((1, 8, 8), widths=(10, 8)), OneHotLabels(5), (1, 8, 8))
    with pytest.raises(ValueError, match="SoftmaxReadout has none"):
        distil(softmax, DATA, torch.rand(60, 5))
