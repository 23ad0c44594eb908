"""Steps with local knowledge alone, held against loops over plain numbers."""

import math

import pytest
import torch
from torch import nn

from convff.optimizers import PerNeuronStep, SignStep
from convff.randomness import keyed_generator

STEPS, NEURONS, INPUTS = 4, 3, 2


def drawn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=keyed_generator(seed, "steps"), dtype=torch.float64)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_each_neuron_has_a_step_of_its_own(momentum: float) -> None:
    weight, bias = nn.Parameter(drawn(NEURONS, INPUTS)), nn.Parameter(drawn(NEURONS, seed=1))
    optimizer = PerNeuronStep([weight, bias], lr=0.05, momentum=momentum, memory=0.9)
    values = [[*weight[j].tolist(), bias[j].item()] for j in range(NEURONS)]
    moving = [[0.0] * (INPUTS + 1) for _ in range(NEURONS)]
    usual = [0.0] * NEURONS
    for step in range(1, STEPS + 1):
        weight.grad, bias.grad = drawn(NEURONS, INPUTS, seed=10 * step), drawn(NEURONS, seed=10 * step + 1)
        for j in range(NEURONS):
            grad = [*weight.grad[j].tolist(), bias.grad[j].item()]
            moving[j] = [momentum * m + (1 - momentum) * g for m, g in zip(moving[j], grad, strict=True)]
            usual[j] = 0.9 * usual[j] + 0.1 * sum(g * g for g in grad)
            root = math.sqrt(usual[j] / (1 - 0.9**step))
            length = math.sqrt(sum(v * v for v in values[j]))
            unbiased = [m / (1 - momentum**step) for m in moving[j]]
            values[j] = [v - 0.05 * length * m / root for v, m in zip(values[j], unbiased, strict=True)]
        optimizer.step()
        for j in range(NEURONS):
            assert [*weight[j].tolist(), bias[j].item()] == pytest.approx(values[j], rel=1e-10)


def test_a_neuron_does_not_depend_on_the_others() -> None:
    ends = []
    for others in (1.0, 100.0):
        weight = nn.Parameter(drawn(NEURONS, INPUTS))
        optimizer = PerNeuronStep([weight], lr=0.05)
        for step in range(STEPS):
            weight.grad = drawn(NEURONS, INPUTS, seed=step) * torch.tensor([[1.0], [others], [others]])
            optimizer.step()
        ends.append(weight[0].detach().clone())
    assert torch.equal(*ends)


def test_every_synapse_moves_by_the_same_amount() -> None:
    weight, bias = nn.Parameter(drawn(NEURONS, INPUTS)), nn.Parameter(drawn(NEURONS, seed=1))
    optimizer = SignStep([weight, bias], lr=0.05, momentum=0.5)
    values = [*weight.flatten().tolist(), *bias.tolist()]
    moving = [0.0] * len(values)
    for step in range(STEPS):
        weight.grad, bias.grad = drawn(NEURONS, INPUTS, seed=step), drawn(NEURONS, seed=step + 9)
        grads = [*weight.grad.flatten().tolist(), *bias.grad.tolist()]
        moving = [0.5 * m + g for m, g in zip(moving, grads, strict=True)]
        rms = math.sqrt(sum(v * v for v in values) / len(values))
        values = [v - 0.05 * rms * math.copysign(1, m) for v, m in zip(values, moving, strict=True)]
        optimizer.step()
        assert [*weight.flatten().tolist(), *bias.tolist()] == pytest.approx(values, rel=1e-12)


@pytest.mark.parametrize("make", [PerNeuronStep, SignStep])
def test_without_a_direction_nothing_moves(make: type[torch.optim.Optimizer]) -> None:
    weight = nn.Parameter(drawn(NEURONS, INPUTS))
    before = weight.detach().clone()
    optimizer = make([weight], lr=0.05)
    optimizer.step()
    weight.grad = torch.zeros_like(weight)
    optimizer.step()
    assert torch.equal(weight.detach(), before)
