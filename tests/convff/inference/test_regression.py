"""Logistic regression: its optimum, and the choice of the penalty."""

import pytest
import torch
from sklearn.linear_model import LogisticRegression

from convff.inference import regression
from convff.inference.regression import PENALTIES, best_penalty, logistic_regression


def rows(n: int, noise: float, dimensions: int = 6) -> tuple[torch.Tensor, torch.Tensor]:
    """Three noisy classes; only the first two dimensions tell them apart."""
    generator = torch.Generator().manual_seed(0)
    classes = torch.randint(3, (n,), generator=generator)
    centres = torch.zeros(3, dimensions, dtype=torch.float64)
    centres[:, :2] = torch.tensor([[1.0, 0.0], [-0.5, 0.9], [-0.5, -0.9]])
    drawn = torch.randn(n, dimensions, generator=generator, dtype=torch.float64)
    return centres[classes] + noise * drawn, classes


@pytest.mark.parametrize("penalty", [1e-3, 1e-1])
def test_finds_the_optimum_that_scikit_learn_finds(penalty: float) -> None:
    x, y = rows(300, noise=0.7)
    weight, bias = logistic_regression(x, y, x.new_zeros(3, 6), penalty, iterations=200)
    theirs = LogisticRegression(C=1 / (penalty * len(x)), tol=1e-10, max_iter=1000).fit(x.numpy(), y.numpy())
    assert torch.allclose(weight, torch.from_numpy(theirs.coef_), atol=1e-4)
    # Biases have no penalty: they are determined up to a common constant.
    ours, known = bias - bias.mean(), torch.from_numpy(theirs.intercept_ - theirs.intercept_.mean())
    assert torch.allclose(ours, known, atol=1e-4)


def test_another_start_leads_to_the_same_optimum() -> None:
    x, y = rows(200, noise=0.7)
    from_zero = logistic_regression(x, y, x.new_zeros(3, 6), 1e-1, 200)
    elsewhere = logistic_regression(x, y, torch.ones_like(from_zero[0]), 1e-1, 200, torch.tensor([1.0, 2, 3]).to(x))
    assert torch.allclose(from_zero[0], elsewhere[0], atol=1e-4)


def test_the_chosen_penalty_is_the_best_of_a_plain_search() -> None:
    x, y = rows(400, noise=1.2, dimensions=60)
    right = {}
    for penalty in PENALTIES:
        weight, bias = logistic_regression(x[:360], y[:360], x.new_zeros(3, 60), penalty, 300)
        right[penalty] = int(((x[360:] @ weight.T + bias).argmax(dim=1) == y[360:]).sum())
    assert right[best_penalty(x, y, 3, 300)] == max(right.values())
    assert len(set(right.values())) > 1  # else any penalty would do


def test_few_rows_get_the_smallest_penalty() -> None:
    assert best_penalty(*rows(9, noise=1.0), 3) == PENALTIES[-1]


def test_penalties_are_tried_until_one_is_worse(monkeypatch: pytest.MonkeyPatch) -> None:
    """With many dimensions of noise and few rows the largest penalty is best, so only two are tried."""
    x, y = rows(400, noise=1.2, dimensions=60)
    tried = []

    def recorded(*args: object) -> tuple[torch.Tensor, torch.Tensor]:
        tried.append(args[3])
        return logistic_regression(*args)

    monkeypatch.setattr("convff.inference.regression.logistic_regression", recorded)
    chosen = best_penalty(x, y, 3, 300)
    assert tried == list(PENALTIES[: len(tried)])
    assert len(tried) < len(PENALTIES)
    assert chosen in tried[:-1]


def test_with_many_classes_the_first_rows_choose(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = rows(400, noise=1.2, dimensions=60)
    monkeypatch.setattr(regression, "CHOOSING", 3 * 100)
    first = best_penalty(x[:100], y[:100], 3, 300)
    x[100:], y[100:] = float("nan"), -1  # an error, were they looked at
    assert best_penalty(x, y, 3, 300) == first
