"""Equations 3 and 4 of Hinton's section 6: one step to a goodness, in all layers at once."""

from itertools import pairwise
from math import sqrt

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from convff import Block, LayerLocalNet, keyed_generator, step_to_goodness, sum_goodness
from convff.functional import length_normalise, mean_goodness
from convff.models.unit_length import UnitLength
from convff.outer import add_outer_linear_

WIDTHS = (7, 30, 40, 20)


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=keyed_generator(seed, "fast"), dtype=torch.float64)


class ExactNorm(nn.Module):
    """Length normalisation without the small number that keeps silence finite."""

    def forward(self, x: Tensor) -> Tensor:
        return length_normalise(x, eps=0.0)


def net_of(norm: type[nn.Module], seed: int) -> LayerLocalNet:
    blocks = [Block(norm(), nn.Linear(inputs, units, bias=False)) for inputs, units in pairwise(WIDTHS)]
    net = LayerLocalNet(blocks).double()
    for number, block in enumerate(net):
        block.layer.weight.data.copy_(drawn(*block.layer.weight.shape, seed=seed + number))
    return net


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.floats(100.0, 1000.0), st.sampled_from(["sum", "mean"]))
@torch.no_grad()
def test_one_step_reaches_the_goodness_in_all_layers_and_turns_no_output(seed: int, wanted: float, of: str) -> None:
    net, x = net_of(ExactNorm, seed), drawn(1, WIDTHS[0], seed=seed)
    goodness = sum_goodness if of == "sum" else mean_goodness
    before = net(x)
    h, inputs = x, []
    for block, a in zip(net, before, strict=True):
        inputs.append(block.normalised(h))
        h = a
    for block, a, seen in zip(net, before, inputs, strict=True):  # all directions are of the weights before the step
        rate = step_to_goodness(goodness(a), wanted, sqrt(seen.shape[1]))
        add_outer_linear_(block.layer, seen, a, rate.item())
    for a, old in zip(net(x), before, strict=True):
        assert goodness(a).item() == pytest.approx(wanted, rel=1e-12)
        torch.testing.assert_close(length_normalise(a, 0.0), length_normalise(old, 0.0), rtol=0, atol=1e-12)


@torch.no_grad()
def test_for_inputs_of_length_one_it_is_the_equation_of_the_paper() -> None:
    (block,) = net = LayerLocalNet([Block(UnitLength(eps=1e-300), nn.Linear(7, 9, bias=False))]).double()
    x = block.normalised(drawn(1, 7))
    s = sum_goodness(block.activity(x))
    rate = step_to_goodness(s, 3.0)
    assert rate.item() == pytest.approx(sqrt(3.0 / s.item()) - 1, rel=1e-14)
    for unit in range(9):  # equation 3, unit by unit
        y = max(0.0, (block.layer.weight[unit] @ x[0]).item())
        block.layer.weight[unit] += rate.item() * y * x[0]
    assert sum_goodness(net(x)[0]).item() == pytest.approx(3.0, rel=1e-12)


def test_a_goodness_per_input_and_per_wanted_one() -> None:
    goodness = torch.tensor([[1.0, 4.0], [9.0, 16.0]], dtype=torch.float64)
    rates = step_to_goodness(goodness, torch.tensor([4.0, 1.0]), length=2.0)
    expected = torch.tensor([[1.0, -0.5], [-1 / 3, -0.75]], dtype=torch.float64) / 4
    torch.testing.assert_close(rates, expected, rtol=1e-14, atol=0)
    assert step_to_goodness(goodness, 0.0, length=1.0).eq(-1).all()  # silence


@pytest.mark.parametrize(
    ("goodness", "wanted", "length", "got"),
    [(0.0, 1.0, 1.0, "got 0, 1 and 1"), (1.0, -1.0, 1.0, "got 1, 1 and -1"), (1.0, 1.0, 0.0, "got 1, 0 and 1")],
)
def test_numbers_out_of_range_are_refused(goodness: float, wanted: float, length: float, got: str) -> None:
    with pytest.raises(ValueError, match=got):
        step_to_goodness(torch.tensor([2.0, goodness]), wanted, length)
    with pytest.raises(ValueError, match="must be positive"):
        step_to_goodness(torch.tensor([torch.nan]), 1.0)
