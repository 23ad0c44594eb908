"""What is equal in FF and HebbFF and what is not: the claims of docs/hebbff.md, against automatic differentiation."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from convff.functional import threshold_gate, threshold_loss
from convff.outer import gated, outer_linear
from convff.randomness import keyed_generator

UNITS, THETA = 6, 0.3


class FullGradientReLU(torch.autograd.Function):
    """ReLU whose backward pass lets everything through, as in the public code of loeweX."""

    @staticmethod
    def forward(ctx: object, z: Tensor) -> Tensor:
        return z.relu()

    @staticmethod
    def backward(ctx: object, grad: Tensor) -> Tensor:
        return grad


def drawn() -> tuple[Tensor, Tensor]:
    """Inputs of 4 images in 2 passes, and weights."""
    generator = keyed_generator(0, "identity")
    x = torch.randn(8, 5, generator=generator, dtype=torch.float64)
    return x, torch.randn(UNITS, 5, generator=generator, dtype=torch.float64).requires_grad_()


def squares(a: Tensor) -> Tensor:
    return a.square().mean(dim=1)


def directions(
    activation: Callable[[Tensor], Tensor], goodness: Callable[[Tensor], Tensor] = squares
) -> tuple[Tensor, Tensor]:
    """FF's direction by automatic differentiation, and HebbFF's outer product times 2/n."""
    x, weight = drawn()
    a = activation(x @ weight.T)
    g = goodness(a).view(4, 2)
    (grad,) = torch.autograd.grad(threshold_loss(g, theta=THETA).sum(), weight)
    c = threshold_gate(g, theta=THETA).flatten()
    outer, _ = outer_linear(x, gated(a, c))
    return -grad, outer * 2 / UNITS


def close(pair: tuple[Tensor, Tensor]) -> bool:
    gradient, outer = pair
    assert gradient.norm() > 0.01
    return bool((gradient - outer).norm() <= 1e-12 * gradient.norm())


@pytest.mark.parametrize("activation", [torch.relu, FullGradientReLU.apply], ids=["relu", "full gradient"])
def test_with_relu_they_are_equal_whatever_its_gradient_where_it_is_silent(activation: Callable) -> None:
    assert close(directions(activation))


@pytest.mark.parametrize("activation", [F.gelu, torch.tanh, F.leaky_relu, torch.sigmoid])
def test_with_another_activation_the_factor_is_f_times_its_slope(activation: Callable) -> None:
    assert not close(directions(activation))
    x, weight = drawn()
    z = (x @ weight.T).detach().requires_grad_()
    (slope,) = torch.autograd.grad(activation(z).sum(), z)
    c = threshold_gate(squares(activation(z)).view(4, 2), theta=THETA).flatten()
    corrected, _ = outer_linear(x, gated(activation(z) * slope, c))
    assert close((directions(activation)[0], corrected.detach() * 2 / UNITS))


def test_a_goodness_that_is_not_of_squares_has_another_factor() -> None:
    assert not close(directions(torch.relu, goodness=lambda a: a.mean(dim=1)))


def test_a_full_gradient_matters_where_goodness_has_a_slope_at_silence() -> None:
    by_mean = [directions(f, goodness=lambda a: a.mean(dim=1))[0] for f in (torch.relu, FullGradientReLU.apply)]
    assert not close((by_mean[0], by_mean[1]))


def test_with_batch_norm_behind_the_layer_they_differ() -> None:
    def normalised(z: Tensor) -> Tensor:
        return torch.relu(F.batch_norm(z, None, None, training=True))

    assert not close(directions(normalised))


def test_the_factor_between_them_depends_on_the_width() -> None:
    """Why one rate is not the same step for FF and for HebbFF: n / 2 in a layer of n units."""
    gradient, outer = directions(torch.relu)
    ratio = (outer * UNITS / 2).norm() / gradient.norm()
    assert ratio.item() == pytest.approx(UNITS / 2, rel=1e-12)
