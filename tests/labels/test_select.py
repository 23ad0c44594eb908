"""The choice of labels: exact where it can be enumerated, never worse than greedy, the same at every call."""

import importlib
import itertools

import numpy as np
import pytest
import torch
from torch import Tensor

from labels import FourierLabels, MorphLabels
from labels.correlation import chain_correlations, wave_correlations
from labels.select import farthest_points, off_diagonal, random_choice, select

SIZE = (32, 32)


def random_correlations(n: int, dimensions: int, seed: int) -> Tensor:
    rows = torch.nn.functional.normalize(torch.randn(n, dimensions, generator=torch.Generator().manual_seed(seed)))
    return rows @ rows.T


def largest(correlation: Tensor, chosen: tuple[int, ...]) -> float:
    """Written out: the largest |correlation| of any two of the chosen."""
    return max((abs(float(correlation[a, b])) for a, b in itertools.combinations(chosen, 2)), default=0.0)


@pytest.mark.parametrize("seed", range(25))
def test_never_worse_than_greedy(seed: int) -> None:
    correlation = random_correlations(20 + 4 * seed, 3 + seed % 9, seed)
    k = 3 + seed % 12
    chosen, greedy = select(correlation, k, seed), farthest_points(correlation, k, seed)
    for choice in (chosen, greedy):
        assert len(set(choice)) == k
        assert list(choice) == sorted(choice)
        assert choice[0] >= 0
        assert choice[-1] < len(correlation)
    assert largest(correlation, chosen) <= largest(correlation, greedy) + 1e-6


@pytest.mark.parametrize("seed", range(12))
def test_exact_where_all_subsets_can_be_tried(seed: int) -> None:
    n, k = 9 + seed % 3, 1 + seed % 7
    correlation = random_correlations(n, 2 + seed % 4, seed)
    best = min(largest(correlation, subset) for subset in itertools.combinations(range(n), k))
    assert largest(correlation, select(correlation, k)) == pytest.approx(best, abs=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_the_searches_find_what_enumeration_finds(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    correlation = random_correlations(25, 4, seed)
    exact = select(correlation, 4)
    monkeypatch.setattr(importlib.import_module("labels.select"), "ENUMERABLE", 0)
    assert largest(correlation, select(correlation, 4)) == pytest.approx(largest(correlation, exact), rel=0.05)


def test_much_better_than_greedy_and_chance_where_there_is_room() -> None:
    """300 points of a circle in the plane, twelve to choose: the best are evenly spread."""
    angle = torch.rand(300, generator=torch.Generator().manual_seed(0)) * torch.pi
    correlation = (angle[:, None] - angle[None, :]).cos()
    chosen = select(correlation, 12)
    ideal = torch.tensor(torch.pi / 12).cos().item()
    assert largest(correlation, chosen) <= 1 - 0.6 * (1 - ideal)
    assert largest(correlation, random_choice(300, 12)) > 0.99


def test_deterministic_by_seed() -> None:
    correlation = random_correlations(120, 10, 0)
    assert select(correlation, 20, 1) == select(correlation, 20, 1)
    assert random_choice(120, 20, 1) == random_choice(120, 20, 1) != random_choice(120, 20, 2)


def test_the_ends() -> None:
    correlation = random_correlations(6, 3, 0)
    assert len(select(correlation, 1)) == 1
    assert select(correlation, 6) == (0, 1, 2, 3, 4, 5)
    alike = torch.ones(30, 30)
    assert len(set(select(alike, 20))) == 20  # no choice is better than another, and none has a candidate twice


def test_the_input_is_not_changed() -> None:
    correlation = random_correlations(40, 5, 0)
    before = correlation.clone()
    select(correlation, 8)
    assert torch.equal(correlation, before)


def test_off_diagonal_has_each_pair_once() -> None:
    correlation = torch.tensor([[1.0, -0.2, 0.3], [-0.2, 1.0, 0.1], [0.3, 0.1, 1.0]])
    assert sorted(off_diagonal(correlation).tolist()) == pytest.approx([0.1, 0.2, 0.3])
    assert off_diagonal(correlation, (0, 2)).tolist() == pytest.approx([0.3])


@pytest.mark.parametrize(
    ("correlation", "k", "message"),
    [
        (torch.eye(4), 5, "cannot choose 5 labels out of 4 candidates"),
        (torch.eye(4), 0, "cannot choose 0 labels"),
        (torch.ones(4, 3), 2, r"\[N, N\], got \[4, 3\]"),
        (torch.full((4, 4), torch.nan), 2, "must be finite"),
        (torch.triu(torch.ones(4, 4)), 2, "must be symmetric"),
    ],
)
def test_refuses_what_it_cannot_choose_from(correlation: Tensor, k: int, message: str) -> None:
    for choose in (select, farthest_points):
        with pytest.raises(ValueError, match=message):
            choose(correlation, k)


def test_a_random_choice_needs_candidates() -> None:
    with pytest.raises(ValueError, match="cannot choose 101 labels out of 100"):
        random_choice(100, 101)


def test_a_hundred_waves_of_two_thousand() -> None:
    waves = FourierLabels.candidates(2000, 0, SIZE, 3)  # the smallest kernel sees the smallest part of the plane
    correlation = wave_correlations(waves, SIZE)
    phase_free = wave_correlations(waves, SIZE, any_phase=True)
    assert off_diagonal(correlation, select(correlation, 100)).max() <= 0.06
    chosen = select(phase_free, 100)
    assert off_diagonal(correlation, chosen).max() <= off_diagonal(phase_free, chosen).max() <= 0.09
    assert off_diagonal(correlation, random_choice(2000, 100)).max() > 0.7


def test_a_hundred_chains_of_two_thousand() -> None:
    correlation = chain_correlations(MorphLabels.candidates(2000, 0))
    by_chance = [off_diagonal(correlation, random_choice(2000, 100, seed)).max() for seed in range(20)]
    assert off_diagonal(correlation, select(correlation, 100)).max() <= 0.6 * float(np.median(by_chance))
