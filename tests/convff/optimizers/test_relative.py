"""The step measured against the weights, held against a loop over plain numbers."""

import math

import pytest
import torch
from torch import nn

from convff.optimizers import RelativeStep
from convff.randomness import keyed_generator


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_a_relative_step_is_what_a_loop_makes_of_its_equation(momentum: float) -> None:
    generator = keyed_generator(0, "relative")
    weight, bias = (nn.Parameter(torch.randn(shape, generator=generator, dtype=torch.float64)) for shape in [(3, 2), 3])
    optimizer = RelativeStep([weight, bias], lr=0.01, momentum=momentum)
    values = [*weight.flatten().tolist(), *bias.tolist()]
    moving = [0.0] * len(values)
    for _ in range(3):
        weight.grad, bias.grad = (torch.randn(p.shape, generator=generator, dtype=p.dtype) for p in (weight, bias))
        grads = [*weight.grad.flatten().tolist(), *bias.grad.tolist()]
        moving = [momentum * m + g for m, g in zip(moving, grads, strict=True)]
        length = math.sqrt(sum(v * v for v in values))  # of weight and bias together
        moved = math.sqrt(sum(m * m for m in moving))
        values = [v - 0.01 * length * m / moved for v, m in zip(values, moving, strict=True)]
        optimizer.step()
        assert [*weight.flatten().tolist(), *bias.tolist()] == pytest.approx(values, rel=1e-12)


def test_a_layer_that_dies_stays_as_it_is_whatever_it_remembers() -> None:
    weight = nn.Parameter(torch.ones(4))
    optimizer = RelativeStep([weight], lr=0.01, momentum=0.9)
    weight.grad = torch.ones(4)
    optimizer.step()
    assert not torch.equal(weight.data, torch.ones(4))
    dying = weight.detach().clone()
    weight.grad = torch.zeros(4)
    for _ in range(20):
        optimizer.step()
    assert torch.equal(weight.data, dying)


def test_it_leaves_the_gradient_as_it_is() -> None:
    weight = nn.Parameter(torch.ones(4))
    weight.grad = torch.arange(4.0)
    optimizer = RelativeStep([weight], momentum=0.5)
    for _ in range(2):
        optimizer.step()
    assert weight.grad.tolist() == [0.0, 1.0, 2.0, 3.0]
