"""Choose K labels out of many candidates so that no two are alike: the largest |correlation| shall be smallest.

A dispersion problem, hard in general. `select` solves it exactly where the subsets can be enumerated. Elsewhere it
takes the best of three searches, each starting from the one before: farthest-point greedy; the smallest threshold at
which the graph of too-similar pairs still has an independent set (min-degree greedy); swaps, with a tabu list, that
remove the pairs above an ever smaller threshold. The criterion is that of Scodellaro et al. 2025, who do not say how
they searched; the searches are ours.
"""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

# Up to so many subsets are enumerated; about a second at most.
ENUMERABLE = 50_000
STARTS = 20
BISECTIONS = 12
SETS_PER_THRESHOLD = 4
# A failed search for a smaller threshold ends after so many swaps; so many in all.
PATIENCE = 4_000
SWAPS = 60_000

Matrix = NDArray[np.float32]


def select(correlation: Tensor, k: int, seed: int = 0) -> tuple[int, ...]:
    """The K candidates whose largest mutual |correlation| is smallest, as far as the searches find them.

    Args:
        correlation: symmetric, `[N, N]`; the diagonal is not looked at.
        k: how many to choose.
        seed: the key of the searches' draws; the same seed gives the same choice.

    Returns:
        Indices in ascending order. Never worse than `farthest_points` with the same seed; the optimum where there
        are no more than `ENUMERABLE` subsets.

    Raises:
        ValueError: more labels than candidates, fewer than one, or no correlation matrix.

    Example:
        >>> select(torch.tensor([[1.0, 0.9, 0.1], [0.9, 1.0, 0.4], [0.1, 0.4, 1.0]]), 2)
        (0, 2)
    """
    strength = _strengths(correlation, k)
    if math.comb(len(strength), k) <= ENUMERABLE:
        return _exact(strength, k)
    generator = torch.Generator().manual_seed(seed)
    best = _farthest(strength, k, generator)
    for search in (_by_threshold, _by_swaps):
        found = search(strength, best, generator)
        if _largest(strength, found) < _largest(strength, best):
            best = found
    return tuple(sorted(best))


def farthest_points(correlation: Tensor, k: int, seed: int = 0) -> tuple[int, ...]:
    """Greedy choice: always the candidate that is least like those chosen; the best of `STARTS` first candidates.

    Raises:
        ValueError: as `select`.

    Example:
        >>> farthest_points(torch.tensor([[1.0, 0.9, 0.1], [0.9, 1.0, 0.4], [0.1, 0.4, 1.0]]), 2)
        (0, 2)
    """
    strength = _strengths(correlation, k)
    return tuple(sorted(_farthest(strength, k, torch.Generator().manual_seed(seed))))


def random_choice(n: int, k: int, seed: int = 0) -> tuple[int, ...]:
    """K of N candidates by chance, in ascending order: the paper's control.

    Raises:
        ValueError: more labels than candidates, or fewer than one.

    Example:
        >>> len(set(random_choice(2000, 100)))
        100
    """
    _check_count(n, k)
    return tuple(sorted(torch.randperm(n, generator=torch.Generator().manual_seed(seed))[:k].tolist()))


def off_diagonal(correlation: Tensor, chosen: tuple[int, ...] | None = None) -> Tensor:
    """|correlation| of every pair of the chosen candidates (of all, if left out), each pair once.

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
    """|correlation| without the diagonal, after the checks."""
    if correlation.ndim != 2 or correlation.shape[0] != correlation.shape[1]:
        raise ValueError(f"a correlation matrix is [N, N], not {list(correlation.shape)}")
    _check_count(len(correlation), k)
    if not torch.isfinite(correlation).all():
        raise ValueError("the correlation matrix holds numbers that are not finite")
    if not torch.allclose(correlation, correlation.T, atol=1e-5):
        raise ValueError("the correlation matrix is not symmetric")
    strength: Matrix = correlation.abs().float().cpu().numpy().copy()
    np.fill_diagonal(strength, 0)
    # Where the last bits of the two halves differ, both searches and figures go by the larger.
    return np.maximum(strength, strength.T)


def _largest(strength: Matrix, chosen: list[int]) -> float:
    return float(strength[np.ix_(chosen, chosen)].max())


def _exact(strength: Matrix, k: int) -> tuple[int, ...]:
    """Bisect the values that occur: the smallest at which K candidates have no pair above it."""
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
    """K candidates no two of which are linked, or None if there are none: depth first, over sets held as bits."""
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


def _farthest(strength: Matrix, k: int, generator: torch.Generator) -> list[int]:
    starts = torch.randperm(len(strength), generator=generator)[:STARTS].tolist()
    return min((_farthest_from(strength, k, start) for start in starts), key=lambda found: _largest(strength, found))


def _farthest_from(strength: Matrix, k: int, start: int) -> list[int]:
    chosen = [start]
    nearest = strength[start].copy()
    nearest[start] = np.inf
    while len(chosen) < k:
        following = int(nearest.argmin())
        chosen.append(following)
        np.maximum(nearest, strength[following], out=nearest)
        nearest[following] = np.inf
    return chosen


def _by_threshold(strength: Matrix, chosen: list[int], generator: torch.Generator) -> list[int]:
    """Bisect the threshold above which a pair is too similar; of each graph, take an independent set."""
    best, k = chosen, len(chosen)
    low, high = 0.0, _largest(strength, chosen)
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        linked = strength > middle
        for _ in range(SETS_PER_THRESHOLD):
            found = _min_degree_set(linked, k, torch.rand(len(strength), generator=generator).numpy())
            if len(found) == k:
                best, high = found, min(high, _largest(strength, found))
                break
        else:
            low = middle
    return best


def _min_degree_set(linked: NDArray[np.bool_], k: int, ties: Matrix) -> list[int]:
    """Up to K unlinked candidates: always the one with the fewest links, which then bars those it is linked to."""
    degree = linked.sum(axis=1, dtype=np.int32) + ties  # (N,); `ties` in [0, 1) only breaks ties
    chosen: list[int] = []
    while len(chosen) < k:
        best = int(degree.argmin())
        if degree[best] == np.inf:
            break
        chosen.append(best)
        barred = linked[best] & (degree < np.inf)
        barred[best] = True
        degree -= linked[barred].sum(axis=0, dtype=np.int32)
        degree[barred] = np.inf
    return chosen


def _by_swaps(strength: Matrix, chosen: list[int], generator: torch.Generator) -> list[int]:
    """Ask for an ever smaller largest correlation, in steps that shrink when one is not reached."""
    best, step, left = chosen, 0.1, SWAPS
    while left > 0 and step > 0.002:
        threshold = (1 - step) * _largest(strength, best)
        found, used = _without_links(strength > threshold, best, min(PATIENCE, left), generator)
        left -= used
        if found is None:
            step /= 2
        else:
            best = found
    return best


def _without_links(
    linked: NDArray[np.bool_], chosen: list[int], swaps: int, generator: torch.Generator
) -> tuple[list[int] | None, int]:
    """Swap candidates in and out until no two chosen ones are linked.

    Each step takes out one with the most links to the other chosen ones and puts in one with the fewest. What went
    out may not come back for some steps, nor what came in leave, so that the search does not run in circles.

    Returns:
        The new choice, or None if `swaps` did not suffice; and the number of swaps made.
    """
    counts = linked.astype(np.int16)
    inside = np.zeros(len(linked), dtype=bool)
    inside[chosen] = True
    links = counts[chosen].sum(axis=0, dtype=np.int16)  # (N,) links to chosen candidates
    free_at = np.zeros(len(linked), dtype=np.int32)
    rests = torch.randint(1, 11, (swaps, 2), generator=generator).tolist()
    for step, (rest_out, rest_in) in enumerate(rests):
        if not links[inside].any():
            return np.flatnonzero(inside).tolist(), step
        free = free_at <= step
        leaving = int(np.where(inside & free, links, -1).argmax())
        coming = int(np.where(inside | ~free, np.iinfo(np.int16).max, links - counts[leaving]).argmin())
        if not inside[leaving] or inside[coming]:  # all that could move rest
            continue
        inside[leaving], inside[coming] = False, True
        links += counts[coming] - counts[leaving]
        free_at[leaving], free_at[coming] = step + 5 + rest_out, step + rest_in
    return None, swaps
