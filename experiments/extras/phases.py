"""Right and wrong passes in phases of n steps each, and the trick of a stored baseline (section 9, footnote 15)."""

import statistics
from dataclasses import dataclass, field, replace
from math import ceil
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
from experiments.extras.showing import with_spread
from experiments.tools import style


@dataclass(frozen=True, kw_only=True)
class Phases:
    """The experiment's numbers.

    Args:
        training: see `Training`; separate phases take twice its epochs, so that there are as many right and wrong
            passes. The rate and the momentum are those tried.
        lengths: steps n of a phase; 0 for both in every step.
        tried: pairs of rate and momentum to choose from, for each n, without and with the baseline, by the validation
            images of seed 0.
    """

    training: Training = field(default_factory=lambda: Training(optimizer="smoothed", epochs=5))
    lengths: tuple[int, ...] = (0, 1, 10, 100)
    tried: tuple[tuple[float, float], ...] = ((0.01, 0.9), (0.001, 0.99), (0.0002, 0.99))


def run(settings: Phases, images: Images) -> Result:
    """Train networks in phases of each length, without and with the baseline.

    Lengths that do not fit are excluded: right and wrong phases must be equally many, and whole.
    """
    steps = 2 * settings.training.epochs * ceil(len(images.train) / settings.training.batch_size)
    fitting = [length for length in settings.lengths if not length or steps % (2 * length) == 0]
    rows = []
    # Without phases there is nothing to remember: both kinds of passes are in every step.
    kinds = [(length, baseline) for length in fitting for baseline in ((False, True) if length else (False,))]
    for length, baseline in kinds:
        rule = Phased(rule=plain_rule(), length=length, baseline=baseline)
        trials = {pair: _accuracy(settings, images, rule, pair, 0, judge=False) for pair in settings.tried}
        best = max(trials, key=lambda each: trials[each])

        def measure(seed: int, rule: Phased = rule, best: tuple[float, float] = best) -> dict[str, float]:
            return {"goodness %": _accuracy(settings, images, rule, best, seed, judge=True)}

        found = over_seeds(measure, settings.training.seeds)
        kind = {"steps per phase": length, "baseline": "yes" if baseline else "no"}
        rows.append({**kind, "rate": best[0], "momentum": best[1], **found})
    excluded = [length for length in settings.lengths if length not in fitting]
    note = f"phases of {excluded} steps are excluded: {steps} steps are no multiple of twice as many"
    return {"rows": rows} | ({"note": note} if excluded else {})


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
    labels = {"no": "weights learn in both phases", "yes": "with the baseline"}
    with style.new_figure(path, width=style.COLUMN, height=2.4) as figure:
        axes = figure.add_subplot()
        for index, (kind, label) in enumerate(labels.items()):
            rows = [row for row in apart if row["baseline"] == kind]
            if rows:
                lengths = [row["steps per phase"] for row in rows]
                with_spread(axes, lengths, [row["goodness %"] for row in rows], index, label=label)
        axes.axhline(statistics.mean(together["goodness %"]), color=style.INK, linestyle=":", label="together")
        axes.set(xscale="log", xlabel="steps per phase", ylabel="accuracy by goodness, %")
        figure.legend(loc="outside lower center", ncols=2)
