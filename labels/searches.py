"""The searches of `labels.select`: greedy, by bisecting a threshold, and by swaps. All are ours.

Each takes the strengths |correlation| of all pairs, `[N, N]` with a diagonal of 0, and returns K of the N candidates.
"""

import numpy as np
import torch
from numpy.typing import NDArray

STARTS = 20
BISECTIONS = 12
SETS_PER_THRESHOLD = 4
# Maximum number of swaps: in the search for one threshold, and in all.
PATIENCE = 4_000
SWAPS = 60_000

Matrix = NDArray[np.float32]


def largest(strength: Matrix, chosen: list[int]) -> float:
    """Return the largest strength between any two of the chosen candidates; 0 for a single one.

    Example:
        >>> largest(np.array([[0.0, 0.5], [0.5, 0.0]], dtype=np.float32), [0, 1])
        0.5
    """
    return float(strength[np.ix_(chosen, chosen)].max())


def farthest(strength: Matrix, k: int, generator: torch.Generator) -> list[int]:
    """Always add the candidate least like those chosen, until there are K; keep the best of `STARTS` starts."""
    starts = torch.randperm(len(strength), generator=generator)[:STARTS].tolist()
    return min((_farthest_from(strength, k, start) for start in starts), key=lambda found: largest(strength, found))


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


def by_threshold(strength: Matrix, chosen: list[int], generator: torch.Generator) -> list[int]:
    """Bisect the threshold above which a pair is too similar; at each, search for an independent set of size K."""
    best, k = chosen, len(chosen)
    low, high = 0.0, largest(strength, chosen)
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        linked = strength > middle
        for _ in range(SETS_PER_THRESHOLD):
            found = _min_degree_set(linked, k, torch.rand(len(strength), generator=generator).numpy())
            if len(found) == k:
                best, high = found, min(high, largest(strength, found))
                break
        else:
            low = middle
    return best


def _min_degree_set(linked: NDArray[np.bool_], k: int, ties: Matrix) -> list[int]:
    """Return up to K unlinked candidates: always add the one with the fewest links, then bar its neighbours."""
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


def by_swaps(strength: Matrix, chosen: list[int], generator: torch.Generator) -> list[int]:
    """Lower the largest correlation step by step; halve the step when a search fails."""
    best, step, left = chosen, 0.1, SWAPS
    while left > 0 and step > 0.002:
        threshold = (1 - step) * largest(strength, best)
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

    Each step removes one with the most links to the other chosen ones and adds one with the fewest. A removed candidate
    may not return for some steps, nor an added one leave, so that the search does not cycle.

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
        if not inside[leaving] or inside[coming]:  # every candidate that could move is barred
            continue
        inside[leaving], inside[coming] = False, True
        links += counts[coming] - counts[leaving]
        free_at[leaving], free_at[coming] = step + 5 + rest_out, step + rest_in
    return None, swaps
