"""Two kinds of units: half of a layer maximises its activity, half minimises it (Hinton 2022, section 9)."""

from dataclasses import dataclass, field
from pathlib import Path

from convff import InGroups
from experiments.extras.base import Images, Result, Training
from experiments.extras.groups import measured
from experiments.extras.showing import dots


@dataclass(frozen=True, kw_only=True)
class TwoKinds:
    """The experiment's numbers.

    Args:
        training: see `Training`; the width is even.
    """

    training: Training = field(default_factory=Training)


PLACES = {
    "one group": InGroups(1),
    "two alike": InGroups(2),
    "two opposed": InGroups(2, opposed=True),
}


def run(settings: TwoKinds, images: Images) -> Result:
    """Train a network of one group, of two, and of one that maximises beside one that minimises."""
    return {"rows": [{"layer": name, **measured(settings.training, images, place)} for name, place in PLACES.items()]}


def draw(result: Result, path: Path) -> None:
    """Draw the accuracies."""
    dots(result["rows"], "layer", ("goodness %", "readout %"), path, title="feature and constraint detectors")
