"""The rate of every neuron by the length of its weights, held against plain numbers."""

import math

import pytest
import torch
from torch import nn

from convff.optimizers import NormDependentStep
from convff.randomness import keyed_generator


def drawn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=keyed_generator(seed, "norms"), dtype=torch.float64)


@pytest.mark.parametrize("shape", [(3, 4), (3, 2, 3, 3)], ids=["dense", "convolution"])
def test_each_neuron_has_a_rate_of_its_own(shape: tuple[int, ...]) -> None:
    weight, bias = nn.Parameter(drawn(*shape)), nn.Parameter(drawn(3, seed=1))
    weight.grad, bias.grad = drawn(*shape, seed=2), drawn(3, seed=3)
    rows, grads = weight.detach().flatten(1).tolist(), weight.grad.flatten(1).tolist()
    expected, of_bias = [], []
    for row, grad, b, g in zip(rows, grads, bias.tolist(), bias.grad.tolist(), strict=True):
        length = math.sqrt(sum(value * value for value in [*row, b]))
        rate = 0.08 * math.sqrt(abs(length - 1)) + 1e-10
        expected.append([value - rate * step for value, step in zip(row, grad, strict=True)])
        of_bias.append(b - rate * g)
    NormDependentStep([weight, bias], lr=0.08).step()
    assert weight.detach().flatten(1).tolist() == [pytest.approx(row, rel=1e-12) for row in expected]
    assert bias.tolist() == pytest.approx(of_bias, rel=1e-12)


def test_a_neuron_of_length_1_hardly_moves() -> None:
    weight = nn.Parameter(torch.tensor([[0.6, 0.8], [3.0, 4.0]], dtype=torch.float64))
    before = weight.detach().clone()
    weight.grad = torch.ones(2, 2).double()
    NormDependentStep([weight], lr=1.0).step()
    moved = (before - weight.detach()).abs()
    assert moved[0].max() < 1e-7  # the square root of a length that rounding leaves at 1 +- 1e-16
    assert moved[1].min() == pytest.approx(2)


def test_target_and_power_are_what_they_say() -> None:
    weight = nn.Parameter(torch.tensor([[3.0, 4.0]]))
    weight.grad = torch.ones(1, 2)
    NormDependentStep([weight], lr=0.5, target=2.0, power=2.0).step()
    assert weight.tolist() == [pytest.approx([3 - 4.5, 4 - 4.5])]


def test_without_a_direction_nothing_moves() -> None:
    weight = nn.Parameter(drawn(3, 2))
    before = weight.detach().clone()
    NormDependentStep([weight]).step()
    assert torch.equal(weight.detach(), before)


@pytest.mark.parametrize("wrong", [{"lr": 0.0}, {"power": 0.0}, {"lr": -1.0}])
def test_rate_and_power_must_be_positive(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="rate and power must be positive, got"):
        NormDependentStep([nn.Parameter(drawn(2, 2))], **wrong)
