"""Heads: their arithmetic, their draws, and what they refuse."""

import pytest
import torch
import torch.nn.functional as F

from convff import Head, cnn3, evaluating, keyed_generator
from convff.heads import head_on_grid


def drawn(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=keyed_generator(0, "heads"))


def new(**options: object) -> Head:
    return Head(4, 3, generator=keyed_generator(0, "weights"), **options)  # type: ignore[arg-type]


@torch.no_grad()
def test_a_grid_is_the_mean_of_regions() -> None:
    head, a = new(grid=2), drawn(5, 4, 6, 6)
    expected = F.linear(F.avg_pool2d(a, 3).flatten(1), head.linear.weight, head.linear.bias)
    torch.testing.assert_close(head(a), expected)
    assert head.is_linear


@torch.no_grad()
def test_a_hidden_layer_comes_after_the_norm() -> None:
    head, a = new(grid=3, hidden=6, norm=True), drawn(5, 4, 3, 3)
    normalised = F.batch_norm(a, None, None, training=True).flatten(1)
    hidden = F.batch_norm(F.relu(head.hidden(normalised)), None, None, training=True)  # type: ignore[misc]
    torch.testing.assert_close(head(a), head.linear(hidden))
    assert not head.is_linear
    with evaluating(head):
        assert not torch.equal(head(a), head.linear(hidden))  # running statistics


@torch.no_grad()
def test_dropout_needs_a_generator() -> None:
    head, a = new(dropout=0.5), drawn(64, 4)
    assert torch.equal(head(a), head(a))
    one, other = (head(a, keyed_generator(0, "draws")) for _ in range(2))
    assert torch.equal(one, other)
    assert not torch.equal(one, head(a))


def test_initial_weights_are_drawn_by_a_seed() -> None:
    net = cnn3((1, 8, 8), width=4, kernel=3)
    options = {"grid": 2, "hidden": 0, "norm": False, "dropout": 0.0}
    one, other, third = (head_on_grid(net, 3, seed=seed, **options) for seed in (0, 0, 1))  # type: ignore[arg-type]
    assert torch.equal(one.linear.weight, other.linear.weight)
    assert not torch.equal(one.linear.weight, third.linear.weight)
    assert 0.2 < one.linear.weight.abs().max() <= 1 / 4


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"grid": 0}, "grid must be at least 1 and hidden at least 0, got 0 and 0"),
        ({"hidden": -1}, "got 1 and -1"),
        ({"dropout": 1.0}, r"dropout must be in \[0, 1\), got 1.0"),
    ],
)
def test_wrong_numbers_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        new(**options)


def test_a_map_smaller_than_the_grid_is_refused() -> None:
    with pytest.raises(ValueError, match="a head's grid of 4 needs larger maps than 3 x 5"):
        new(grid=4)(drawn(2, 4, 3, 5))
