"""What is good: the sum of squares, minus it, or minus the unsquared sum (Hinton 2022, section 9)."""

from dataclasses import dataclass, field, replace
from pathlib import Path

from convff import ForwardForward, Threshold
from experiments.extras.base import (
    Images,
    Measures,
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

SUM, MINUS, UNSQUARED = "sum", "minus_sum", "unsquared"


@dataclass(frozen=True, kw_only=True)
class Goodness:
    """The experiment's numbers.

    Args:
        training: see `Training`; its rate is one of those tried.
        rates: learning rates to choose from, for each goodness by the validation images of seed 0.
        compared: goodnesses.
    """

    training: Training = field(default_factory=Training)
    rates: tuple[float, ...] = (1e-3, 3e-3)
    compared: tuple[str, ...] = (SUM, MINUS, UNSQUARED)


def rule_of(goodness: str, width: int) -> ForwardForward:
    """Return the rule of a goodness, on layers of a width.

    The unsquared sum is the mean activity with a gate n times as steep: `n (theta - mean) = n theta - sum`.

    Example:
        >>> rule_of("unsquared", 500).gate.scale
        500
    """
    if goodness == UNSQUARED:
        return ForwardForward(gate=Threshold(scale=width), reduction="minus_activity")
    return plain_rule(reduction=goodness)


def run(settings: Goodness, images: Images) -> Result:
    """Train a network by each goodness, and compare accuracies by goodness and by a readout."""
    rows = []
    for goodness in settings.compared:
        rule = rule_of(goodness, settings.training.width)
        norm = "activity" if goodness == UNSQUARED else "rms"
        trials = {rate: _tried(settings, images, rule, norm, rate) for rate in settings.rates}
        rate = max(trials, key=lambda each: trials[each])

        def measure(seed: int, rule: ForwardForward = rule, norm: str = norm, rate: float = rate) -> dict[str, float]:
            training = replace(settings.training, lr=rate)
            net = learn(new_net(training, images, seed, norm=norm), rule, training, images, seed)
            return {"goodness %": by_goodness(net, rule, images.judged), "readout %": by_readout(net, images)}

        found: Measures = over_seeds(measure, settings.training.seeds)
        rows.append({"goodness": goodness, "rate": rate, **found})
    return {"rows": rows}


def _tried(settings: Goodness, images: Images, rule: ForwardForward, norm: str, rate: float) -> float:
    """Return the accuracy on validation images with a rate."""
    training = replace(settings.training, lr=rate)
    net = learn(new_net(training, images, 0, norm=norm), rule, training, images, 0)
    return by_goodness(net, rule, images.validation)


def draw(result: Result, path: Path) -> None:
    """Draw the accuracies."""
    dots(result["rows"], "goodness", ("goodness %", "readout %"), path, title="what is good")
