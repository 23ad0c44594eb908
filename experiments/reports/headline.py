"""The first lines of a report: what was trained, how well it answers, and what that is worth, in plain sentences."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

from experiments.config.own import short
from experiments.config.recipe import Recipe
from experiments.run.alike import images_of, main_accuracy
from experiments.run.folder import RunRecord
from experiments.run.predictions import Predictions
from experiments.tools.intervals import of_images, wilson
from experiments.tools.words import labels_in_words, rule_in_words, schedule_in_words

CONTROL = "untrained_linear"
FEW = 200  # images; with fewer of them an accuracy has no decimals


@dataclass(frozen=True)
class Headline:
    """The first lines of a report.

    Args:
        title: network and data.
        method: rule, labels, preset and seed in words.
        accuracy: the main accuracy in [0, 1]; None if nothing was counted.
        interval: its 95 % interval; None without an accuracy.
        images: number of images that judged it.
        sentences: what the accuracy is, and what it is compared with.
        verdict: whether training was worth it.
    """

    title: str
    method: str
    accuracy: float | None
    interval: tuple[float, float] | None
    images: int
    sentences: tuple[str, ...]
    verdict: str


def headline(run: RunRecord, predictions: Predictions | None, title_of: dict[str, str]) -> Headline:
    """Return the first lines of the report of a run.

    Args:
        run: the run.
        predictions: its answers; None if it has not saved them.
        title_of: evaluations in words, by name.
    """
    results = run.results
    count, which = images_of(results)
    name = main_accuracy(results)
    accuracy = results["accuracy"].get(name)
    words = f"{which} images"
    sentences: list[str] = []
    if accuracy is not None:
        by = title_of.get(name, short(name))
        sentences.append(
            f"{percent(accuracy, count)} of {count:,} {words} {interval_in_words(accuracy, count)}, by {by}."
        )
    else:
        sentences.append("This run has counted no right answers.")
        sentences += [f"{title_of.get(each, short(each))}: {s['value']:.4g} {s['unit']}." for each, s in _scores(run)]
    if accuracy is not None and predictions is not None and len(predictions):
        sentences.append(_guess(accuracy, count, *predictions.most_common()))
    readout, control = results["accuracy"].get("linear"), results["control"].get(CONTROL)
    sentences += _of_readout(readout, control, count, alone=name == "linear")
    return Headline(
        title=f"{run.recipe['model']} on {results['dataset']}",
        method=_method(run),
        accuracy=accuracy,
        interval=None if accuracy is None else wilson(accuracy, count),
        images=count,
        sentences=tuple(sentences),
        verdict=verdict(readout, control, count, words, whose="" if name == "linear" else "that of "),
    )


def percent(share: float, images: int) -> str:
    """Return a share in per cent, with as many decimals as its images are worth.

    Example:
        >>> percent(0.763, 38), percent(0.763, 500)
        ('76 %', '76.3 %')
    """
    return f"{100 * share:.{0 if images < FEW else 1}f} %"


def interval_in_words(share: float, images: int) -> str:
    """Return the 95 % interval of a share in per cent.

    Example:
        >>> interval_in_words(29 / 38, 38)
        '[61, 87]'
    """
    return "[" + ", ".join(percent(bound, images).removesuffix(" %") for bound in wilson(share, images)) + "]"


def verdict(readout: float | None, control: float | None, images: int, words: str, *, whose: str = "") -> str:
    """Return whether training was worth it, by the same readout of the trained and of the untrained network.

    Args:
        readout: accuracy of the readout of the trained network; None if it was not measured.
        control: that of the untrained network.
        images: number of images that judged both.
        words: what the images are called.
        whose: "that of " if the readout is not what judges the run, and so has to be named.

    Example:
        >>> verdict(0.76, 0.71, 38, "photographs")
        'Not clearly better than the untrained network: with 38 photographs, differences below 21 points are noise.'
        >>> verdict(0.95, 0.71, 500, "images")
        'Clearly better than the untrained network.'
    """
    if readout is None or control is None:
        return ""
    noise = of_images(control, readout, images)
    assert noise.least is not None
    points = f"{100 * noise.least:.{0 if noise.least >= 0.1 else 1}f}"
    worth = "clearly" if noise.clear else "not clearly"
    order = "WORSE" if noise.clear and noise.difference < 0 else "better"
    subject = "The readout is" if whose else ""
    said = f"{subject} {worth} {order} than {whose}the untrained network".strip()
    noisy = "" if noise.clear else f": with {images:,} {words}, differences below {points} points are noise"
    return f"{said[0].upper()}{said[1:]}{noisy}."


def _guess(accuracy: float, count: int, name: str, share: float) -> str:
    """Say what always naming the most common class would give, and whether the answers are better."""
    words = f"Always saying “{name}” would give {percent(share, count)}."
    return words if wilson(accuracy, count)[0] > share else f"{words} The network is not clearly better than that."


def _of_readout(readout: float | None, control: float | None, count: int, *, alone: bool) -> Iterator[str]:
    if control is None:
        yield "There is no untrained control: the run was judged without a linear readout."
    elif readout is None or alone:
        yield f"The same network untrained, with the same kind of readout: {percent(control, count)}."
    else:
        yield (
            f"A linear readout of the trained network: {percent(readout, count)}. "
            f"The same network untrained, with the same kind of readout: {percent(control, count)}."
        )


def _scores(run: RunRecord) -> Iterator[tuple[str, dict[str, Any]]]:
    yield from (run.results.get("scores") or {}).items()


def _method(run: RunRecord) -> str:
    """Return rule, labels, preset, seed and schedule of a run in words."""
    results, known = run.results, {each.name for each in fields(Recipe)}
    recipe = Recipe(**{name: value for name, value in run.recipe.items() if name in known})
    rule = rule_in_words(results["rule"], (*results.get("variant", ()), *results.get("stabilise", ())))
    labels = labels_in_words(results["labels"], results.get("label_selection"))
    asked = f"preset {results['preset']}, seed {results['seed']}"
    return f"Rule {rule}, labels {labels}, {asked}: {schedule_in_words(recipe)}."
