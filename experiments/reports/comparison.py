"""Several runs side by side: groups over seeds, their differences in words, and which exceed the noise. No torch."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

from experiments.config.differences import ASIDE, Difference, differences, method_key, recipe_differences
from experiments.config.settings import Settings, SettingsError
from experiments.config.values import did_you_mean
from experiments.reports.same_images import digests_of, judged_alike
from experiments.run.alike import alike, images_of, main_accuracy
from experiments.run.folder import RunRecord
from experiments.table import cells
from experiments.tools.intervals import Noise, Paired, of_images, of_seeds, paired


@dataclass(frozen=True, eq=False)
class Group:
    """Runs that differ only in their seed.

    Args:
        name: a letter, by which comparisons name it.
        runs: the runs, by their seeds.
    """

    name: str
    runs: tuple[RunRecord, ...]

    @property
    def first(self) -> RunRecord:
        """A run, for all that they share."""
        return self.runs[0]

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds."""
        return tuple(run.settings.seed for run in self.runs)

    @property
    def judged(self) -> str:
        """The name of the accuracy that judges these runs: the rule's own, or else the readout's."""
        return main_accuracy(self.first.results) or "linear"

    @property
    def cells(self) -> list[str]:
        """The cells of its row; see `experiments.table.COLUMNS`."""
        return cells(*(run.results for run in self.runs))

    def by_seed(self) -> dict[int, float]:
        """Return the accuracy that judges each run, by its seed; runs without one are missing."""
        found = {run.settings.seed: run.results["accuracy"].get(self.judged) for run in self.runs}
        return {seed: value for seed, value in found.items() if value is not None}

    def mean(self) -> float | None:
        """Return the mean of that accuracy; None if there is none."""
        values = list(self.by_seed().values())
        return statistics.mean(values) if values else None

    def deviation(self) -> float | None:
        """Return its standard deviation (of the sample); None for a single run."""
        values = list(self.by_seed().values())
        return statistics.stdev(values) if len(values) > 1 else None


@dataclass(frozen=True, eq=False)
class Comparison:
    """Two groups.

    Args:
        reference: what is compared with.
        other: what is compared.
        differences: the settings that they do not share; if all are shared, the numbers of the recipe.
        noise: whether the accuracies differ by more than noise; None if one group has no accuracy.
        paired: differences seed by seed; None if fewer than two seeds agree.
    """

    reference: Group
    other: Group
    differences: tuple[Difference, ...]
    noise: Noise | None
    paired: Paired | None

    @property
    def words(self) -> str:
        """The comparison in sentences."""
        parts = [f"{self.other.name} against {self.reference.name}: "]
        parts.append("; ".join(map(str, self.differences)) or "no setting differs")
        if self.other.judged != self.reference.judged:
            parts.append(f"; judged by {self.reference.judged} -> {self.other.judged}")
        parts.append(". ")
        if self.noise is None:
            return "".join(parts) + "There is no accuracy to compare."
        verdict = "exceeds the noise" if self.noise.clear else "is within the noise"
        parts.append(f"{100 * self.noise.difference:+.1f} points, which {verdict} ({self.noise.test}).")
        if self.paired is not None:
            parts.append(f" Paired: {self.paired.words}.")
        return "".join(parts)


@dataclass(frozen=True, eq=False)
class Compared:
    """Several runs side by side.

    Args:
        groups: the rows.
        comparisons: of each row with another one.
        alone: names of groups that are compared with none, because no other was judged by the same images, or, with
            `by`, has another value.
    """

    groups: tuple[Group, ...]
    comparisons: tuple[Comparison, ...]
    alone: tuple[str, ...]


def compare(runs: Sequence[RunRecord], by: str | None = None) -> Compared:
    """Return runs side by side.

    Args:
        runs: the runs.
        by: a setting; groups are then in the order of its values, and compared with the group that has the first run's
            value and the fewest other differences.

    Raises:
        SettingsError: there is no such setting, it is no part of a method, or no runs differ in it.
    """
    groups = groups_of(runs)
    if by is not None:
        by = _setting(by)
        values = list(dict.fromkeys(str(getattr(group.first.settings, by)) for group in groups))
        if len(values) < 2:
            raise SettingsError(f"--by {by}: it is {values[0]} in all of these runs")
        groups.sort(key=lambda group: values.index(str(getattr(group.first.settings, by))))
    groups = [Group(_letters(number), group.runs) for number, group in enumerate(groups)]
    found = []
    for group in groups:
        reference = _reference(group, groups, by)
        if reference is not None:
            found.append(_comparison(reference, group))
    named = {group.name for each in found for group in (each.reference, each.other)}
    return Compared(tuple(groups), tuple(found), tuple(g.name for g in groups if g.name not in named))


def groups_of(runs: Sequence[RunRecord]) -> list[Group]:
    """Return runs in groups that differ only in their seed, in the order of their first runs.

    Runs on other images are in other groups, even if the data have the same name.
    """

    def method(run: RunRecord) -> tuple[str, str, str]:
        return run.results["dataset"], run.results["judged_on"], method_key(run.settings, run.recipe)

    found = alike(runs, method, lambda run: run.settings.seed, digests_of)
    return [
        Group(_letters(number), tuple(sorted(group, key=lambda run: run.settings.seed)))
        for number, group in enumerate(found)
    ]


def _setting(name: str) -> str:
    """Return the name of a setting as it stands in the code."""
    names = [each.name for each in fields(Settings)]
    asked = name.removeprefix("--").replace("-", "_")
    if asked not in names:
        close = did_you_mean(asked, names)
        raise SettingsError(f"--by must be a setting such as rule, labels or lr, got {name}{close}")
    if asked in ASIDE:
        raise SettingsError(
            f"--by {asked} cannot be used: runs that differ only in it are of one method, and in one row"
        )
    return asked


def _letters(number: int) -> str:
    """Return A to Z, then AA and so on.

    Example:
        >>> _letters(0), _letters(25), _letters(26)
        ('A', 'Z', 'AA')
    """
    letter = chr(ord("A") + number % 26)
    return letter if number < 26 else _letters(number // 26 - 1) + letter


def _reference(group: Group, groups: Sequence[Group], by: str | None) -> Group | None:
    """Return the group that a group is compared with; None for the reference itself."""
    same = [each for each in groups if judged_alike(each.first, group.first)]
    if by is None:
        return None if same[0] is group else same[0]
    first = getattr(groups[0].first.settings, by)
    if getattr(group.first.settings, by) == first:
        return None
    candidates = [each for each in same if getattr(each.first.settings, by) == first]
    return min(candidates, key=lambda each: len(_differences(each, group)), default=None)


def _differences(reference: Group, other: Group) -> tuple[Difference, ...]:
    asked = differences(reference.first.settings, other.first.settings)
    return tuple(asked or recipe_differences(reference.first.recipe, other.first.recipe))


def _comparison(reference: Group, other: Group) -> Comparison:
    first, second = reference.by_seed(), other.by_seed()
    return Comparison(reference, other, _differences(reference, other), _noise(reference, other), paired(first, second))


def _noise(reference: Group, other: Group) -> Noise | None:
    """Return whether two groups differ by more than noise: over seeds if both have several, else over images."""
    first, second = (list(group.by_seed().values()) for group in (reference, other))
    if not first or not second:
        return None
    found = of_seeds(first, second) if min(len(first), len(second)) > 1 else None
    count, _ = images_of(reference.first.results)
    return found or of_images(statistics.mean(first), statistics.mean(second), count)


def as_numbers(group: Group) -> dict[str, Any]:
    """Return a group as JSON values: what it is, and its accuracies in [0, 1]."""
    results = group.first.results
    seconds = [run.results["seconds"]["training"] for run in group.runs]

    def mean_of(name: str, where: str) -> float | None:
        values = [run.results[where].get(name) for run in group.runs]
        return None if None in values else statistics.mean(values)

    return {
        "group": group.name,
        "dataset": results["dataset"],
        "judged_on": results["judged_on"],
        "labels": results["labels"],
        "rule": results["rule"],
        "model": group.first.recipe["model"],
        "preset": results["preset"],
        "seeds": list(group.seeds),
        "judged_by": group.judged,
        "accuracy": group.mean(),
        "standard_deviation": group.deviation(),
        "accuracy_by_seed": {str(seed): value for seed, value in group.by_seed().items()},
        "readout": mean_of("linear", "accuracy"),
        "untrained_control": mean_of("untrained_linear", "control"),
        "training_minutes": statistics.mean(seconds) / 60,
        "runs": [str(run.folder) for run in group.runs],
    }
