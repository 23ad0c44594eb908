"""Labels chosen from candidates: for a run with `--label-selection`, and for the gallery."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from labels import (
    FourierLabels,
    LabelGenerator,
    MorphLabels,
    chain_correlations,
    fourier_set_1,
    morph_set_1,
    random_choice,
    select,
    wave_correlations,
)

CANDIDATES = 2000  # as in the paper

Size = tuple[int, int]


@dataclass(frozen=True)
class Family:
    """How to choose labels of one family; a candidate is whatever the family draws.

    Args:
        set_1: returns the fixed set of n labels for an image size; raises ValueError if it has too few.
        candidates: `(n, seed, image_size, kernel_size)` to candidates.
        criterion: candidates and the image size to the matrix `[N, N]` whose largest entry the choice minimises.
        correlations: the same to the matrix that is reported, if that is another.
        build: chosen candidates, the image size and the intensity to the generator.
    """

    set_1: Callable[[int, Size], tuple[Any, ...]]
    candidates: Callable[[int, int, Size, int], tuple[Any, ...]]
    criterion: Callable[[tuple[Any, ...], Size], Tensor]
    correlations: Callable[[tuple[Any, ...], Size], Tensor] | None
    build: Callable[[tuple[Any, ...], Size, float], LabelGenerator]

    def has_set_1(self, num_classes: int, image_size: Size) -> bool:
        """Return whether the fixed set has enough labels.

        Example:
            >>> CHOOSABLE["fourier"].has_set_1(10, (32, 32)), CHOOSABLE["fourier"].has_set_1(10_000, (32, 32))
            (True, False)
        """
        try:
            self.set_1(num_classes, image_size)
        except ValueError:
            return False
        return True


CHOOSABLE = {
    "fourier": Family(
        set_1=fourier_set_1,
        candidates=FourierLabels.candidates,
        # At any phases: a network that sums goodness over positions hardly sees a phase.
        criterion=lambda waves, size: wave_correlations(waves, size, any_phase=True),
        correlations=wave_correlations,
        build=lambda waves, size, k: FourierLabels(len(waves), size, intensity=k, waves=waves),
    ),
    "morph": Family(
        set_1=lambda n, size: morph_set_1(n),
        candidates=lambda n, seed, size, kernel: MorphLabels.candidates(n, seed),
        criterion=lambda chains, size: chain_correlations(chains),
        correlations=None,
        build=lambda chains, size, k: MorphLabels(len(chains), intensity=k, chains=chains),
    ),
}


@dataclass(frozen=True, eq=False)
class Choice:
    """Labels, and what they were chosen from.

    Args:
        labels: the generator of the chosen labels.
        candidates: all candidates.
        chosen: indices of the chosen candidates.
        criterion: the matrix `[N, N]` that was minimised; None for a random choice.
        seconds: time to draw, correlate and choose.
    """

    labels: LabelGenerator
    candidates: tuple[Any, ...]
    chosen: tuple[int, ...]
    criterion: Tensor | None
    seconds: float


def choose(
    family: str,
    how: str,
    *,
    num_classes: int,
    image_size: Size,
    kernel_size: int,
    intensity: float = 0.3,
    seed: int = 0,
    count: int = CANDIDATES,
) -> Choice:
    """Choose the labels of all classes from candidates; both the draw and the choice are keyed by the seed.

    Args:
        family: a key of `CHOOSABLE`.
        how: "optimised" for the smallest largest correlation, "random" for the paper's control.
        num_classes: number of labels to choose.
        image_size: height and width.
        kernel_size: side of the filters that must tell waves apart; morphology labels do not depend on it.
        intensity: the label's share K of the intensity.
        seed: seed of the draws.
        count: number of candidates to draw.

    Raises:
        ValueError: there are more classes than candidates or more candidates than the family has, or the kernel is even
            or larger than the image.

    Example:
        >>> options = {"num_classes": 3, "image_size": (8, 8), "kernel_size": 3, "count": 9}
        >>> choose("fourier", "optimised", **options).labels.num_classes
        3
    """
    if num_classes > count:
        raise ValueError(f"{num_classes} classes need at least as many candidates, got {count}")
    start, members = time.perf_counter(), CHOOSABLE[family]
    candidates = members.candidates(count, seed, image_size, kernel_size)
    criterion = members.criterion(candidates, image_size) if how == "optimised" else None
    chosen = random_choice(count, num_classes, seed) if criterion is None else select(criterion, num_classes, seed)
    labels = members.build(tuple(candidates[i] for i in chosen), image_size, intensity)
    return Choice(labels, candidates, chosen, criterion, time.perf_counter() - start)


def reported_correlations(family: str, choice: Choice, image_size: Size) -> Tensor:
    """Return the correlations `[N, N]` of all candidates, as they are reported: for waves, at their own phases.

    Example:
        >>> options = {"num_classes": 3, "image_size": (8, 8), "kernel_size": 3, "count": 9}
        >>> reported_correlations("fourier", choose("fourier", "random", **options), (8, 8)).shape
        torch.Size([9, 9])
    """
    members = CHOOSABLE[family]
    if members.correlations is None:
        return members.criterion(choice.candidates, image_size) if choice.criterion is None else choice.criterion
    return members.correlations(choice.candidates, image_size)
