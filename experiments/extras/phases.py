"""Right and wrong passes in phases of n steps each, and the trick of a stored baseline (section 9, footnote 15)."""

import statistics
from dataclasses import dataclass, field, replace
from pathlib import Path

from convff import Phased
from experiments.extras.base import (
    Images,
    Result,
    Training,
    by_goodness,
    learn,
    new_net,
    over_seeds,
    plain_rule,
)
from experiments.tools import style


@dataclass(frozen=True, kw_only=True)
class Phases:
    """The experiment's numbers.

    Args:
        training: see `Training`; separate phases take twice its epochs, so that there are as many right and wrong
            passes. The rate and the momentum are those tried.
        lengths: steps n of a phase; 0 for both in every step.
        tried: pairs of rate and momentum to choose from, for each n by the validation images of seed 0.
    """

    training: Training = field(default_factory=lambda: Training(optimizer="smoothed", epochs=5))
    lengths: tuple[int, ...] = (0, 1, 10, 100)
    tried: tuple[tuple[float, float], ...] = ((0.01, 0.9), (0.001, 0.99), (0.0002, 0.99))


def run(settings: Phases, images: Images) -> Result:
    """Train networks in phases of each length, without and with the baseline."""
    rows = []
    for length in settings.lengths:
        trials = {
            pair: _accuracy(settings, images, Phased(rule=plain_rule(), length=length), pair, 0, judge=False)
            for pair in settings.tried
        }
        best = max(trials, key=lambda each: trials[each])

        def measure(seed: int, length: int = length, best: tuple[float, float] = best) -> dict[str, float]:
            return {
                name: _accuracy(settings, images, rule, best, seed, judge=True) for name, rule in _rules(length).items()
            }

        found = over_seeds(measure, settings.training.seeds)
        rows.append({"steps per phase": length, "rate": best[0], "momentum": best[1], **found})
    return {"rows": [{"with baseline %": "-", **row} if row["steps per phase"] == 0 else row for row in rows]}


def _rules(length: int) -> dict[str, Phased]:
    rules = {"goodness %": Phased(rule=plain_rule(), length=length)}
    if length:
        rules["with baseline %"] = Phased(rule=plain_rule(), length=length, baseline=True)
    return rules


def _accuracy(
    settings: Phases, images: Images, rule: Phased, pair: tuple[float, float], seed: int, *, judge: bool
) -> float:
    rate, momentum = pair
    longer = 2 if rule.length else 1
    training = replace(settings.training, lr=rate, momentum=momentum, epochs=longer * settings.training.epochs)
    net = learn(new_net(training, images, seed), rule, training, images, seed)
    return by_goodness(net, rule, images.judged if judge else images.validation)


def draw(result: Result, path: Path) -> None:
    """Draw the accuracy against the length of a phase."""
    together, *apart = result["rows"]
    with style.new_figure(path, width=style.COLUMN, height=2.4) as figure:
        axes = figure.add_subplot()
        for index, column in enumerate(("goodness %", "with baseline %")):
            lengths = [row["steps per phase"] for row in apart]
            means = [statistics.mean(row[column]) for row in apart]
            label = column.removesuffix(" %").replace("goodness", "weights learn in both phases")
            axes.plot(lengths, means, label=label, color=style.COLOURS[index], marker=style.MARKERS[index])
        axes.axhline(statistics.mean(together["goodness %"]), color=style.INK, linestyle=":", label="together")
        axes.set(xscale="log", xlabel="steps per phase", ylabel="accuracy by goodness, %")
        figure.legend(loc="outside lower center", ncols=3)
