"""Choose K of many candidate labels so that no two are alike: minimise `max over i < j of |r_ij|`, r the correlations.

This is a dispersion problem, hard in general. `select` solves it exactly if there are few enough subsets. Otherwise it
takes the best of three searches, each starting from the best so far: farthest-point greedy; the smallest threshold at
which the graph of too-similar pairs still has an independent set (min-degree greedy); swaps, with a tabu list, that
remove the pairs above an ever smaller threshold. The criterion is from Scodellaro et al. 2025, who do not say how
they searched; the searches are ours.
"""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from labels.searches import Matrix, by_swaps, by_threshold, farthest, largest

# Largest number of subsets for which the choice is exact; it takes about a second at most.
ENUMERABLE = 50_000


def select(correlation: Tensor, k: int, seed: int = 0) -> tuple[int, ...]:
    """Choose the K candidates whose largest mutual |correlation| is smallest, as far as the searches find them.

    Args:
        correlation: symmetric, `[N, N]`; the diagonal is ignored.
        k: number of candidates to choose, from 1 to N.
        seed: seed of the searches; the same seed gives the same choice.

    Returns:
        Indices in ascending order. Never worse than `farthest_points` with the same seed; the optimum if there are
        at most `ENUMERABLE` subsets.

    Raises:
        ValueError: `k` outside [1, N], or a matrix that is not square, finite and symmetric.

    Example:
        >>> select(torch.tensor([[1.0, 0.9, 0.1], [0.9, 1.0, 0.4], [0.1, 0.4, 1.0]]), 2)
        (0, 2)

    Reference:
        Scodellaro et al. 2025 for the criterion. The searches are ours.
    """
    strength = _strengths(correlation, k)
    if math.comb(len(strength), k) <= ENUMERABLE:
        return _exact(strength, k)
    generator = torch.Generator().manual_seed(seed)
    best = farthest(strength, k, generator)
    for search in (by_threshold, by_swaps):
        found = search(strength, best, generator)
        if largest(strength, found) < largest(strength, best):
            best = found
    return tuple(sorted(best))


def farthest_points(correlation: Tensor, k: int, seed: int = 0) -> tuple[int, ...]:
    """Choose greedily: always add the candidate least like those chosen. Keep the best of several starts.

    Args:
        correlation: symmetric, `[N, N]`; the diagonal is ignored.
        k: number of candidates to choose, from 1 to N.
        seed: seed of the draw of the first candidates.

    Returns:
        Indices in ascending order.

    Raises:
        ValueError: see `select`.

    Example:
        >>> farthest_points(torch.tensor([[1.0, 0.9, 0.1], [0.9, 1.0, 0.4], [0.1, 0.4, 1.0]]), 2)
        (0, 2)
    """
    strength = _strengths(correlation, k)
    return tuple(sorted(farthest(strength, k, torch.Generator().manual_seed(seed))))


def random_choice(n: int, k: int, seed: int = 0) -> tuple[int, ...]:
    """Choose K of N candidates at random: the paper's control.

    Args:
        n: number of candidates N.
        k: number of candidates to choose, from 1 to N.
        seed: seed of the draw.

    Returns:
        K different indices in [0, N), in ascending order.

    Raises:
        ValueError: `k` outside [1, N].

    Example:
        >>> len(set(random_choice(2000, 100)))
        100

    Reference:
        Scodellaro et al. 2025, who compare their choice with a random one.
    """
    _check_count(n, k)
    return tuple(sorted(torch.randperm(n, generator=torch.Generator().manual_seed(seed))[:k].tolist()))


def off_diagonal(correlation: Tensor, chosen: tuple[int, ...] | None = None) -> Tensor:
    """List |correlation| of every pair of candidates, each pair once.

    Args:
        correlation: symmetric, `[N, N]`.
        chosen: the candidates to look at; all N if omitted.

    Returns:
        `[k (k - 1) / 2]` for k candidates, at least 0, pairs in row order.

    Raises:
        IndexError: a chosen candidate outside [-N, N).

    Example:
        >>> off_diagonal(torch.tensor([[1.0, -0.5], [-0.5, 1.0]]))
        tensor([0.5000])
    """
    matrix = correlation if chosen is None else correlation[list(chosen)][:, list(chosen)]
    rows, columns = torch.triu_indices(len(matrix), len(matrix), offset=1)
    return matrix[rows, columns].abs()


def _check_count(n: int, k: int) -> None:
    if not 1 <= k <= n:
        raise ValueError(f"cannot choose {k} labels out of {n} candidates")


def _strengths(correlation: Tensor, k: int) -> Matrix:
    """Return |correlation| with a diagonal of 0; raise ValueError if the matrix or K is invalid."""
    if correlation.ndim != 2 or correlation.shape[0] != correlation.shape[1]:
        raise ValueError(f"the correlation matrix must be [N, N], got {list(correlation.shape)}")
    _check_count(len(correlation), k)
    if not torch.isfinite(correlation).all():
        raise ValueError("the correlation matrix must be finite, got NaN or inf")
    if not torch.allclose(correlation, correlation.T, atol=1e-5):
        raise ValueError("the correlation matrix must be symmetric")
    strength: Matrix = correlation.abs().float().cpu().numpy().copy()
    np.fill_diagonal(strength, 0)
    # The two halves may differ by rounding: take the larger value for both.
    return np.maximum(strength, strength.T)


def _exact(strength: Matrix, k: int) -> tuple[int, ...]:
    """Bisect the values that occur, for the smallest at which K candidates have no pair above it."""
    values = np.unique(strength)
    low, high = 0, len(values) - 1
    best = _independent(strength > values[high], k)
    while low < high:
        middle = (low + high) // 2
        found = _independent(strength > values[middle], k)
        if found is None:
            low = middle + 1
        else:
            best, high = found, middle
    assert best is not None  # at the largest value, no pair is above it
    return best


def _independent(linked: NDArray[np.bool_], k: int) -> tuple[int, ...] | None:
    """Return K candidates no two of which are linked, or None: a depth-first search with sets as bit masks."""
    apart = [sum(1 << int(j) for j in np.flatnonzero(~row)) for row in linked]

    def extend(chosen: tuple[int, ...], free: int) -> tuple[int, ...] | None:
        if len(chosen) == k:
            return chosen
        while free.bit_count() >= k - len(chosen):
            first = (free & -free).bit_length() - 1
            free &= free - 1
            found = extend((*chosen, first), free & apart[first])
            if found is not None:
                return found
        return None

    return extend((), (1 << len(linked)) - 1)
