"""Dropout by random bytes: its share, its mean, and that draws come from the generator alone."""

import pytest
import torch

from convff.dropout import dropout
from convff.randomness import keyed_generator


@pytest.mark.parametrize("share", [0.25, 0.5, 0.9])
def test_the_share_and_the_mean_are_right(share: float) -> None:
    x = torch.ones(100, 300)
    dropped = dropout(x, share, keyed_generator(0, "dropout"))
    assert (dropped == 0).float().mean() == pytest.approx(share, abs=0.01)
    assert dropped.mean() == pytest.approx(1, abs=0.02 / (1 - share))
    assert len(dropped.unique()) == 2
    assert (dropped == 0).float().mean(dim=0).std() == pytest.approx((share * (1 - share) / 100) ** 0.5, rel=0.2)


def test_draws_come_from_the_generator() -> None:
    x = torch.rand(7, 5)
    one, other, third = (dropout(x, 0.5, keyed_generator(key, "dropout")) for key in (0, 0, 1))
    assert torch.equal(one, other)
    assert not torch.equal(one, third)
    assert torch.equal(dropout(x, 0.0, keyed_generator(0, "dropout")), x)


def test_a_share_below_half_a_step_drops_nothing() -> None:
    x = torch.randn(3, 1001)
    assert torch.equal(dropout(x, 0.001, keyed_generator(0, "dropout")), x)


@pytest.mark.parametrize("share", [-0.1, 1.0, float("nan")])
def test_a_share_is_in_its_range(share: float) -> None:
    with pytest.raises(ValueError, match=r"must be in \[0, 1\), got"):
        dropout(torch.ones(3), share, torch.Generator())
