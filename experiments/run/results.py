"""The content of `results.json`, and its summary over seeds."""

import statistics
from dataclasses import dataclass, field
from typing import Any

from convff import Finding


@dataclass(frozen=True, kw_only=True)
class Results:
    """The content of `results.json`; accuracies in [0, 1]. `convff/evaluations/` says what each means.

    `scores` has the value, unit and per-block figures of every evaluation. The fields `accuracy`, `per_layer` and
    `label_only_probe` repeat parts of it, for older readers of the file.
    """

    dataset: str
    is_stand_in: bool
    judged_on: str
    labels: str
    label_selection: str | None
    rule: str
    preset: str
    seed: int
    accuracy: dict[str, float | None]
    control: dict[str, float | None]
    per_layer: dict[str, list[float]]
    label_only_probe: dict[str, list[float]]
    images_per_second: float
    peak_memory_mib: float | None
    seconds: dict[str, float]
    hardware: str
    versions: dict[str, str | None]
    git_commit: str | None
    processes: int = 1
    net: str | None = None
    stabilise: tuple[str, ...] = ()
    variant: tuple[str, ...] = ()  # options of the rule, in words
    model: str | None = None  # the network, if it was asked for
    candidates: int | None = None
    findings: tuple[Finding, ...] = ()
    scores: dict[str, dict[str, Any]] = field(default_factory=dict)
    participation: dict[str, list[float]] = field(default_factory=dict)
    order: str = "together"
    data: dict[str, str] = field(default_factory=dict)  # digests of the images
    notes: tuple[str, ...] = ()  # what was found and done to images of one's own
    excluded: tuple[str, ...] = ()  # those that could not be read, each with its path and the reason


def seed_summary(results: list[Results]) -> dict[str, Any]:
    """Return a summary over the seeds: mean, standard deviation (of the sample) and values of every accuracy."""
    names = dict.fromkeys(name for result in results for name in result.accuracy)
    measured = {name: [result.accuracy.get(name) for result in results] for name in names}
    measured["untrained_linear"] = [result.control["untrained_linear"] for result in results]
    first = results[0]
    about = (
        "dataset",
        "is_stand_in",
        "judged_on",
        "labels",
        "label_selection",
        "rule",
        "stabilise",
        "order",
        "variant",
        "preset",
        "net",
        "model",
    )
    return {name: getattr(first, name) for name in about} | {
        "seeds": [result.seed for result in results],
        "accuracy": {
            key: {"mean": statistics.mean(known), "standard_deviation": statistics.stdev(known), "values": known}
            for key, values in measured.items()
            if len(known := [value for value in values if value is not None]) == len(results)
        },
        "seconds": sum(result.seconds["total"] for result in results),
        "hardware": first.hardware,
        "versions": first.versions,
        "git_commit": first.git_commit,
    }
