"""The triangle activation, and who refuses it."""

import pytest
import torch

from convff import Backpropagation, ForwardForward, LocalHead, Schedule, Setup, cnn6, deephebb, keyed_generator
from convff.activations import Triangle, triangle
from labels import NoLabels


def drawn(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=keyed_generator(0, "activations"), dtype=torch.float64)


@pytest.mark.parametrize("power", [0.7, 1.0, 1.4])
@pytest.mark.parametrize("shape", [(4, 5), (2, 5, 3, 3)], ids=["dense", "maps"])
def test_triangle_is_what_the_paper_writes(power: float, shape: tuple[int, ...]) -> None:
    u = drawn(*shape)
    expected = torch.zeros_like(u)
    for index in torch.cartesian_prod(*map(torch.arange, shape)).tolist():
        n, _, *position = index
        mean = sum(float(u[(n, other, *position)]) for other in range(shape[1])) / shape[1]
        expected[tuple(index)] = max(0.0, float(u[tuple(index)]) - mean) ** power
    before = u.clone()
    with torch.no_grad():
        torch.testing.assert_close(triangle(u, power), expected, rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(triangle(u, power), expected, rtol=1e-12, atol=1e-14)  # with gradients: out of place
    assert torch.equal(u, before)


def test_what_all_channels_share_does_not_matter() -> None:
    u = drawn(2, 6, 3, 3)
    torch.testing.assert_close(triangle(u + 5), triangle(u))
    assert (triangle(u) > 0).any(dim=1).all()
    assert (triangle(u) == 0).any(dim=1).all()


def test_a_power_must_be_positive() -> None:
    with pytest.raises(ValueError, match="must be positive, got 0"):
        Triangle(0.0)


def test_rules_that_are_for_relu_refuse_it() -> None:
    net = deephebb((3, 16, 16), widths=(4, 4), activation="triangle", powers=(1.0, 1.0))
    for rule in (ForwardForward(), LocalHead(num_classes=3)):
        with pytest.raises(ValueError, match=f"{type(rule).__name__} is for blocks with ReLU, got Triangle"):
            rule.check(net, 3)
        rule.check(cnn6((3, 16, 16), widths=(4, 4), pool_after=(1,)), 3)


def test_backpropagation_takes_powers_from_1_on() -> None:
    for powers, refused in (((1.0, 1.4), False), ((0.7, 1.4), True)):
        net = deephebb((3, 16, 16), widths=(4, 4), activation="triangle", powers=powers)
        setup = Setup(net=net, labels=NoLabels(3), schedule=Schedule(lr=1e-3))
        if refused:
            with pytest.raises(ValueError, match=r"power below 1, got 0\.7"):
                Backpropagation().start(setup)
        else:
            Backpropagation().start(setup)
