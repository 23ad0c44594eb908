"""The smoothed step against its recurrence, and how it differs from torch's SGD."""

import pytest
import torch
from torch import nn

from convff import Schedule
from convff.optimizers import SmoothedStep


def drawn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_each_weight_follows_the_recurrence(momentum: float) -> None:
    weight, bias = nn.Parameter(drawn(2, 3)), nn.Parameter(drawn(2, seed=1))
    optimizer = SmoothedStep([weight, bias], lr=0.2, momentum=momentum, weight_decay=0.3)
    values = [weight.detach().flatten().tolist(), bias.tolist()]
    means = [[0.0] * 6, [0.0] * 2]
    for step in range(4):
        weight.grad, bias.grad = drawn(2, 3, seed=10 + step), drawn(2, seed=20 + step)
        grads = [weight.grad.flatten().tolist(), bias.grad.tolist()]
        for part, decay in enumerate((0.3, 0.0)):  # biases do not decay
            means[part] = [momentum * m + (1 - momentum) * g for m, g in zip(means[part], grads[part], strict=True)]
            values[part] = [w - 0.2 * (m + decay * w) for w, m in zip(values[part], means[part], strict=True)]
        optimizer.step()
        assert weight.detach().flatten().tolist() == pytest.approx(values[0], rel=1e-12)
        assert bias.tolist() == pytest.approx(values[1], rel=1e-12)


def test_the_first_step_is_a_tenth_of_the_direction() -> None:
    weight = nn.Parameter(torch.zeros(2, 3, dtype=torch.float64))
    weight.grad = drawn(2, 3)
    SmoothedStep([weight], lr=1.0, momentum=0.9).step()
    torch.testing.assert_close(weight.detach(), -0.1 * weight.grad, rtol=1e-12, atol=0)


def test_it_is_not_torchs_step() -> None:
    """Torch's first step with dampening is undamped."""
    one, other = nn.Parameter(drawn(2, 3)), nn.Parameter(drawn(2, 3))
    one.grad = other.grad = drawn(2, 3, seed=3)
    SmoothedStep([one], lr=0.1, momentum=0.9).step()
    torch.optim.SGD([other], lr=0.1, momentum=0.9, dampening=0.1).step()
    assert not torch.allclose(one, other)


def test_a_schedule_gives_it_its_numbers() -> None:
    schedule = Schedule(optimizer="smoothed", lr=0.005, momentum=0.8, weight_decay=0.002)
    (group,) = schedule.make_optimizer([nn.Parameter(drawn(2, 3))]).param_groups
    assert (group["lr"], group["momentum"], group["weight_decay"]) == (0.005, 0.8, 0.002)
    assert not schedule.is_plain


def test_its_memory_is_part_of_its_state() -> None:
    weight = nn.Parameter(drawn(2, 3))
    optimizer = SmoothedStep([weight], lr=0.1)
    weight.grad = drawn(2, 3, seed=1)
    optimizer.step()
    torch.testing.assert_close(optimizer.state_dict()["state"][0]["mean"], 0.1 * weight.grad, rtol=1e-12, atol=0)


@pytest.mark.parametrize("options", [{"lr": 0.0}, {"momentum": 1.0}, {"weight_decay": -1.0}, {"lr": float("nan")}])
def test_numbers_out_of_range_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="lr must be positive, momentum"):
        SmoothedStep([nn.Parameter(drawn(2, 3))], **options)
