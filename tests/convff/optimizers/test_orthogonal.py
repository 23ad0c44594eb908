"""The orthogonalised step, held against the singular value decomposition that it stands for."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from convff.optimizers import OPTIMIZERS, OrthogonalStep, orthogonalise
from convff.optimizers.orthogonal import NEWTON_SCHULZ
from convff.randomness import keyed_generator


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=keyed_generator(seed, "orthogonal"), dtype=torch.float64)


@pytest.mark.parametrize("shape", [(4, 9), (9, 4), (5, 5), (1, 6)])
def test_newton_schulz_moves_the_singular_values_alone(shape: tuple[int, int]) -> None:
    """One iteration is the polynomial a s + b s^3 + c s^5 of each singular value, with the vectors as they were."""
    matrix = drawn(*shape)
    u, s, v = torch.linalg.svd(matrix, full_matrices=False)
    a, b, c = NEWTON_SCHULZ
    for iterations in (0, 1, 2, 5):
        moved = s / s.square().sum().sqrt()
        for _ in range(iterations):
            moved = a * moved + b * moved**3 + c * moved**5
        expected = u @ torch.diag(moved) @ v
        torch.testing.assert_close(orthogonalise(matrix, iterations), expected, rtol=1e-9, atol=1e-12)


@given(st.integers(0, 10**6), st.integers(1, 8), st.integers(1, 20))
@settings(deadline=None, derandomize=True, max_examples=30)
def test_five_iterations_bring_singular_values_near_one(seed: int, rows: int, columns: int) -> None:
    matrix = drawn(rows, columns, seed=seed)
    before = torch.linalg.svdvals(matrix)
    after = torch.linalg.svdvals(orthogonalise(matrix, 5))
    known = (before / before.square().sum().sqrt()) > 0.01
    assert after.max() <= 1.21
    assert (after[: int(known.sum())] >= 0.6).all()


@pytest.mark.parametrize("iterations", [3, 5, 9])
@pytest.mark.parametrize("shape", [(24, 200), (30, 30)])
def test_bfloat16_stays_near_and_bounded_where_directions_are_missing(shape: tuple[int, int], iterations: int) -> None:
    """Rounding makes the eigenvalues of missing directions negative; without a new start they would grow."""
    low_rank = drawn(shape[0], 6) @ drawn(6, shape[1], seed=1)
    exact, rounded = orthogonalise(low_rank, iterations), orthogonalise(low_rank.bfloat16(), iterations).double()
    assert torch.linalg.svdvals(rounded).max() <= 1.3
    u, _, v = torch.linalg.svd(low_rank, full_matrices=False)
    moved, there = (u[:, :6].T @ each @ v[:6].T for each in (rounded, exact))  # within the directions that are there
    assert torch.linalg.svdvals(moved).min() >= 0.6
    if iterations == 3:  # later a rounded singular value near 1 goes its own way between 0.7 and 1.2
        assert (moved - there).norm() <= 0.05 * there.norm()


def test_several_matrices_are_orthogonalised_one_by_one() -> None:
    for shape in ((3, 4, 9), (3, 9, 4)):
        matrices = drawn(*shape)
        expected = torch.stack([orthogonalise(matrix, 5) for matrix in matrices])
        torch.testing.assert_close(orthogonalise(matrices, 5), expected, rtol=1e-9, atol=1e-12)


def test_a_weight_of_several_locations_turns_each_by_the_same_share() -> None:
    """Layers with local fields: the windows of two locations differ, so nothing binds their units to each other."""
    weight, grad = nn.Parameter(drawn(6, 5)), drawn(6, 5, seed=1)
    before, weight.grad = weight.detach().clone(), grad
    OrthogonalStep([weight], lr=0.1, momentum=0.0, hold=False, locations=2).step()
    moved = torch.cat([orthogonalise(grad[:3], 3), orthogonalise(grad[3:], 3)])
    torch.testing.assert_close(weight.detach(), before - 0.1 * before.norm() * moved / moved.norm())


def test_an_older_state_has_one_matrix_per_weight() -> None:
    optimizer = OrthogonalStep([nn.Parameter(drawn(2, 3))], locations=2)
    state = optimizer.state_dict()
    del state["param_groups"][0]["locations"]
    optimizer.load_state_dict(state)
    assert optimizer.param_groups[0]["locations"] == 1


def test_zeros_stay_zeros() -> None:
    assert torch.equal(orthogonalise(torch.zeros(3, 5)), torch.zeros(3, 5))
    weight = nn.Parameter(torch.ones(3, 5))
    weight.grad = torch.zeros(3, 5)
    OrthogonalStep([weight], lr=0.1).step()
    assert torch.equal(weight.data, torch.ones(3, 5))


def test_the_step_is_what_its_equation_says() -> None:
    weight, bias = nn.Parameter(drawn(4, 3, 2, 2)), nn.Parameter(drawn(4, seed=1))
    optimizer = OrthogonalStep([weight, bias], lr=0.05, momentum=0.8, iterations=4)
    w, b, first = weight.detach().clone(), bias.detach().clone(), weight.detach().norm()
    momentum_w, momentum_b = torch.zeros_like(w), torch.zeros_like(b)
    for step in range(3):
        weight.grad, bias.grad = drawn(4, 3, 2, 2, seed=10 + step), drawn(4, seed=20 + step)
        momentum_w = 0.8 * momentum_w + weight.grad
        momentum_b = 0.8 * momentum_b + bias.grad
        turned = orthogonalise((weight.grad + 0.8 * momentum_w).reshape(4, 12), 4).view(4, 3, 2, 2)
        rms = math.sqrt((w * w).mean().item())
        ahead = bias.grad + 0.8 * momentum_b
        b = b - 0.05 * rms * 2 * ahead / ahead.norm()  # 2 is the root of 4 entries
        w = w - 0.05 * w.norm() * turned / turned.norm()
        w = w * first / w.norm()
        optimizer.step()
        torch.testing.assert_close(weight.data, w, rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(bias.data, b, rtol=1e-12, atol=1e-12)


def test_the_weights_keep_their_length_and_grow_where_they_are_not_held() -> None:
    for hold in (True, False):
        weight = nn.Parameter(drawn(6, 10))
        first = weight.detach().norm().item()
        optimizer = OrthogonalStep([weight], lr=0.3, momentum=0.0, hold=hold)
        for step in range(30):
            weight.grad = drawn(6, 10, seed=step)
            optimizer.step()
        grown = weight.detach().norm().item() / first
        assert grown == pytest.approx(1, abs=1e-12) if hold else grown > 2


def test_a_strong_direction_does_not_win() -> None:
    """Two inputs, one a hundred times as strong: a plain step follows it alone, this one follows both alike."""
    weight = nn.Parameter(torch.eye(2, dtype=torch.float64))
    weight.grad = torch.tensor([[100.0, 0.0], [0.0, 1.0]], dtype=torch.float64)
    OrthogonalStep([weight], lr=0.1, momentum=0.0, iterations=12, hold=False).step()
    moved = 1 - weight.detach().diagonal()
    assert (moved[0] / moved[1]).item() == pytest.approx(1, abs=0.4)


PLAIN = ("adam", "sgd", "norm_dependent", "smoothed")  # steps that depend on how long a direction is


@pytest.mark.parametrize("name", [name for name in OPTIMIZERS if name not in PLAIN])
def test_steps_that_ignore_how_long_a_direction_is(name: str) -> None:
    """FF and HebbFF differ by a factor in every direction, so under such steps they are one method."""
    ends = []
    for factor in (1.0, 1e-3, 1e4):
        weight, bias = nn.Parameter(drawn(4, 6)), nn.Parameter(drawn(4, seed=1))
        optimizer = OPTIMIZERS[name]([weight, bias], lr=0.02, momentum=0.9)
        for step in range(5):
            weight.grad, bias.grad = factor * drawn(4, 6, seed=step), factor * drawn(4, seed=step + 50)
            optimizer.step()
        ends.append(torch.cat([weight.detach().flatten(), bias.detach()]))
    for end in ends[1:]:
        torch.testing.assert_close(end, ends[0], rtol=1e-9, atol=1e-12)
