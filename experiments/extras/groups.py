"""Many small groups of units, each with a goodness and a gate of its own (Hinton 2022, section 5.3)."""

from dataclasses import dataclass, field
from pathlib import Path

from convff import InGroups
from experiments.extras.base import (
    Images,
    Result,
    Training,
    by_goodness,
    by_readout,
    learn,
    new_net,
    over_seeds,
    plain_rule,
)
from experiments.extras.showing import dots


@dataclass(frozen=True, kw_only=True)
class Groups:
    """The experiment's numbers.

    Args:
        training: see `Training`.
        groups: numbers of groups, each of which divides the width.
    """

    training: Training = field(default_factory=Training)
    groups: tuple[int, ...] = (1, 4, 20, 100)


def measured(training: Training, images: Images, place: InGroups) -> dict[str, list[float]]:
    """Return the accuracies of networks that learn in groups, by goodness and by a readout."""
    rule = plain_rule(label_at=place)

    def measure(seed: int) -> dict[str, float]:
        net = learn(new_net(training, images, seed), rule, training, images, seed)
        return {"goodness %": by_goodness(net, rule, images.judged), "readout %": by_readout(net, images)}

    return over_seeds(measure, training.seeds)


def run(settings: Groups, images: Images) -> Result:
    """Train a network in each number of groups."""
    rows = []
    for groups in settings.groups:
        found = measured(settings.training, images, InGroups(groups))
        rows.append({"groups": groups, "units each": settings.training.width // groups, **found})
    return {"rows": rows}


def draw(result: Result, path: Path) -> None:
    """Draw the accuracies."""
    dots(result["rows"], "groups", ("goodness %", "readout %"), path, title="groups of units per layer")
