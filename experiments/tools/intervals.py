"""How far an accuracy can be trusted: intervals of one, and whether two differ by more than noise. Imports no torch."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

Z = 1.959963984540054  # of a standard normal distribution, 95 % are within
LEVEL = 0.05


def standard_error(accuracy: float, images: int) -> float:
    """Return the standard error of an accuracy that was measured on n images.

    Example:
        >>> round(standard_error(0.7, 5000), 4)
        0.0065
    """
    return math.sqrt(accuracy * (1 - accuracy) / images)


def wilson(accuracy: float, images: int, z: float = Z) -> tuple[float, float]:
    """Return the interval of a share that was measured on n images, 95 % by default.

    It is inside [0, 1] and sensible for few images and for shares of 0 and 1, where the standard error is 0.

    Args:
        accuracy: share of right answers, in [0, 1].
        images: number of images n, at least 1.
        z: half the width in standard errors.

    Example:
        >>> low, high = wilson(29 / 38, 38)
        >>> round(100 * low), round(100 * high)
        (61, 87)

    Reference:
        Wilson 1927, "Probable inference, the law of succession, and statistical inference".
    """
    share = z * z / images
    centre = (accuracy + share / 2) / (1 + share)
    half = z / (1 + share) * math.sqrt(accuracy * (1 - accuracy) / images + share / (4 * images))
    return max(0.0, centre - half), min(1.0, centre + half)


@dataclass(frozen=True)
class Noise:
    """A difference of two accuracies beside the noise that it was measured in.

    Args:
        difference: the second accuracy less the first.
        clear: whether it exceeds the noise.
        test: which test says so, in words, with its figures.
        least: the smallest difference that would exceed the noise; None if the test does not say.
    """

    difference: float
    clear: bool
    test: str
    least: float | None = None


def of_images(first: float, second: float, images: int) -> Noise:
    """Compare two accuracies of single runs by the standard error of the difference of two proportions.

    Both are counted as measured on different images. Runs that are judged by the same images make many of the same
    mistakes, so the test is careful.

    Args:
        first: an accuracy in [0, 1].
        second: another one.
        images: number of images that judged each.

    Example:
        >>> found = of_images(0.5, 0.6, 100)
        >>> found.clear, found.test
        (False, 'standard error of a proportion, 100 images: 7.1 points')

    Reference:
        Agresti & Caffo 2000, "Simple and effective confidence intervals for proportions and differences of proportions
        result from adding two successes and two failures".
    """
    more = images + 2  # one right and one wrong answer are added: without, the error of 0 and of 1 would be 0
    added = ((images * share + 1) / more for share in (first, second))
    error = math.hypot(*(standard_error(share, more) for share in added)) * more / images
    words = f"standard error of a proportion, {images:,} images: {100 * error:.1f} points"
    return Noise(second - first, abs(second - first) > Z * error, words, Z * error)


def of_seeds(first: Sequence[float], second: Sequence[float]) -> Noise | None:
    """Compare the accuracies of two methods over their seeds by Welch's t-test, which allows two spreads.

    Args:
        first: accuracies of one method, at least two.
        second: accuracies of the other, at least two.

    Returns:
        None if no accuracy varies, so that there is no noise to compare with.

    Example:
        >>> found = of_seeds([0.50, 0.52, 0.51], [0.61, 0.59, 0.60])
        >>> found.clear, found.test
        (True, "Welch's t over seeds: t = 11.0, p = 0.0004")

    Reference:
        Welch 1947, "The generalization of Student's problem when several different population variances are involved".
    """
    about = [(statistics.mean(values), statistics.stdev(values), len(values)) for values in (second, first)]
    if not any(deviation for _, deviation, _ in about):
        return None
    from scipy.stats import ttest_ind_from_stats

    t, p = (float(value) for value in ttest_ind_from_stats(*about[0], *about[1], equal_var=False))
    return Noise(about[0][0] - about[1][0], p < LEVEL, f"Welch's t over seeds: t = {t:.1f}, p = {p:.1g}")


@dataclass(frozen=True)
class Paired:
    """Differences of two methods, seed by seed.

    Args:
        seeds: the seeds that both have.
        differences: the second accuracy less the first, for each.
    """

    seeds: tuple[int, ...]
    differences: tuple[float, ...]

    @property
    def by_seed(self) -> dict[int, float]:
        """The difference for each seed."""
        return dict(zip(self.seeds, self.differences, strict=True))

    @property
    def words(self) -> str:
        """Mean and standard deviation (of the sample) in points.

        Example:
            >>> Paired((0, 1), (0.01, 0.03)).words
            '+2.0 ± 1.4 points over seeds 0, 1'
        """
        mean, deviation = statistics.mean(self.differences), statistics.stdev(self.differences)
        return f"{100 * mean:+.1f} ± {100 * deviation:.1f} points over seeds {', '.join(map(str, self.seeds))}"


def paired(first: dict[int, float], second: dict[int, float]) -> Paired | None:
    """Return the differences seed by seed; None if fewer than two seeds agree.

    Args:
        first: accuracy of one method, by seed.
        second: accuracy of the other.

    Example:
        >>> paired({0: 0.5, 1: 0.6, 2: 0.7}, {1: 0.7, 2: 0.75, 3: 1.0}).seeds
        (1, 2)
    """
    seeds = tuple(sorted(first.keys() & second.keys()))
    return Paired(seeds, tuple(second[seed] - first[seed] for seed in seeds)) if len(seeds) > 1 else None
