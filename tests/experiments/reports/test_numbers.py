"""The numbers of a report: intervals, tests, sentences, ticks and confusions, beside slow versions of them."""

import itertools
import math
import statistics
from collections import Counter

import numpy as np
import pytest

from experiments.reports import confusions
from experiments.reports.charts import HEIGHT, WIDTH, chart, charts_of, ticks
from experiments.reports.headline import headline, percent, verdict
from experiments.run.alike import alike
from experiments.tools.intervals import of_images, of_seeds, paired, wilson
from tests.experiments.reports.samples import ROWS, answers, record

TITLES = {"goodness": "goodness inference", "linear": "linear readout"}


def slow_wilson(accuracy: float, images: int) -> tuple[float, float]:
    """The shares p from which the measured one is 1.96 standard errors of p away, by bisection."""

    def distance(share: float) -> float:
        return abs(accuracy - share) - 1.959963984540054 * math.sqrt(share * (1 - share) / images)

    def root(inside: float, outside: float) -> float:
        for _ in range(200):
            middle = (inside + outside) / 2
            inside, outside = (middle, outside) if distance(middle) <= 0 else (inside, middle)
        return inside

    return root(accuracy, 0.0), root(accuracy, 1.0)


@pytest.mark.parametrize(("right", "images"), [(29, 38), (1, 38), (499, 500), (7, 10_000), (5_000, 10_000)])
def test_the_interval_is_wilsons(right: int, images: int) -> None:
    assert wilson(right / images, images) == pytest.approx(slow_wilson(right / images, images), abs=1e-9)


def test_an_interval_stays_between_none_and_all() -> None:
    for images in (1, 10, 1000):
        (none, high), (low, every) = wilson(0.0, images), wilson(1.0, images)
        assert none == pytest.approx(0, abs=1e-12)
        assert every == pytest.approx(1, abs=1e-12)
        assert 0 < high == pytest.approx(1 - low)


def slow_welch(first: list[float], second: list[float]) -> tuple[float, float]:
    """Welch's t, and twice the area of the t distribution beyond it, by the midpoint rule."""
    parts = [statistics.variance(values) / len(values) for values in (first, second)]
    t = (statistics.mean(second) - statistics.mean(first)) / math.sqrt(sum(parts))
    freedom = sum(parts) ** 2 / sum(
        part**2 / (len(values) - 1) for part, values in zip(parts, (first, second), strict=True)
    )
    scale = math.gamma((freedom + 1) / 2) / (math.sqrt(freedom * math.pi) * math.gamma(freedom / 2))
    width = 2 * abs(t) / 200_000
    x = -abs(t) + width * (np.arange(200_000) + 0.5)
    return t, 1 - width * float((scale * (1 + x**2 / freedom) ** (-(freedom + 1) / 2)).sum())


@pytest.mark.parametrize("second", [[0.61, 0.59, 0.60], [0.52, 0.50], [0.3, 0.9, 0.5, 0.4]])
def test_the_test_over_seeds_is_welchs(second: list[float]) -> None:
    first = [0.50, 0.53, 0.51]
    found = of_seeds(first, second)
    assert found is not None
    t, p = slow_welch(first, second)
    assert found.test == f"Welch's t over seeds: t = {t:.1f}, p = {p:.1g}"
    assert found.clear == (p < 0.05)
    assert found.difference == pytest.approx(statistics.mean(second) - statistics.mean(first))


def test_seeds_that_never_vary_say_nothing() -> None:
    assert of_seeds([0.5, 0.5], [0.6, 0.6]) is None
    assert of_seeds([0.5, 0.5], [0.6, 0.7]) is not None


def test_the_test_over_images_has_its_error_level() -> None:
    """Two networks of the same accuracy: about one pair in twenty seems to differ."""
    random = np.random.default_rng(0)
    pairs = random.binomial(500, 0.7, size=(4000, 2)) / 500
    clear = [of_images(first, second, 500).clear for first, second in pairs.tolist()]
    assert 0.04 < statistics.mean(clear) < 0.06


def test_a_difference_is_clear_from_its_least_value_on() -> None:
    for difference in np.linspace(-0.2, 0.2, 41).tolist():
        found = of_images(0.5, 0.5 + difference, 300)
        assert found.least is not None
        assert found.clear == (abs(difference) > found.least)


def test_seeds_are_paired_by_their_number() -> None:
    assert paired({0: 0.5, 1: 0.6}, {1: 0.7, 2: 0.8}) is None
    found = paired({2: 0.5, 1: 0.6, 7: 0.0}, {1: 0.7, 2: 0.8})
    assert found is not None
    assert found.by_seed == pytest.approx({1: 0.1, 2: 0.3})
    assert found.words.startswith("+20.0 ± 14.1 points over seeds 1, 2")


def test_the_headline_is_what_a_teacher_would_write() -> None:
    run, found = record(29 / 38, readout=0.76, control=0.71), answers(38)
    most = Counter(found.right.tolist()).most_common(1)[0]
    said = headline(run, found, TITLES)
    assert said.title == "cnn3 on scikit-learn digits"
    assert said.sentences[0] == "76 % of 38 test images [61, 87], by goodness inference."
    assert said.sentences[1] == f"Always saying “{found.class_names[most[0]]}” would give {percent(most[1] / 38, 38)}."
    assert said.sentences[2].endswith("76 %. The same network untrained, with the same kind of readout: 71 %.")
    words = "with 38 test images, differences below 21 points are noise."
    assert said.verdict == f"The readout is not clearly better than that of the untrained network: {words}"


def test_a_headline_without_what_it_needs() -> None:
    nothing = headline(record(None), None, TITLES)
    assert nothing.accuracy is None
    assert nothing.interval is None
    assert nothing.sentences[0] == "This run has counted no right answers."
    assert "no untrained control" in nothing.sentences[-1]
    assert nothing.verdict == ""
    by_readout = headline(record(None, readout=0.9, control=0.7, images=500), None, TITLES)
    assert by_readout.sentences[0].startswith("90.0 % of 500 test images [87.1, 92.3], by linear readout")
    assert by_readout.verdict == "Clearly better than the untrained network."
    guess = headline(record(0.4), answers(38), TITLES)
    assert guess.sentences[1].endswith("The network is not clearly better than that.")


@pytest.mark.parametrize(
    ("readout", "control", "words"),
    [(0.9, 0.7, "Clearly better"), (0.7, 0.9, "Clearly WORSE"), (0.7, 0.71, "Not clearly better"), (0.7, None, "")],
)
def test_the_verdict(readout: float, control: float | None, words: str) -> None:
    assert verdict(readout, control, 500, "images").startswith(words)
    assert bool(verdict(readout, control, 500, "images")) == bool(words)


def test_confusions_are_counted_one_by_one() -> None:
    found = answers(200)
    pairs = Counter(zip(found.right.tolist(), found.given.tolist(), strict=True))
    rows = confusions.table_of(found)
    for right, row in enumerate(rows):
        assert [cell.count for cell in row.cells] == [pairs[right, given] for given in range(3)]
        assert row.total == sum(cell.count for cell in row.cells)
        assert sum(cell.share for cell in row.cells) == pytest.approx(1)
        assert row.share == pytest.approx(pairs[right, right] / row.total)
    names = found.class_names
    wrong = sorted((-count, *pair) for pair, count in pairs.items() if pair[0] != pair[1])
    expected = [(names[right], names[given], -count) for count, right, given in wrong]
    assert [(each.right, each.given, each.count) for each in confusions.most_frequent(found)] == expected


def test_many_classes_have_no_table() -> None:
    found = answers(500, tuple(f"class {n}" for n in range(100)))
    assert confusions.table_of(found) == []
    assert len(confusions.most_frequent(found)) == 15


@pytest.mark.parametrize(("low", "high"), [(0, 1), (0.33, 0.34), (1, 200), (-3, 7), (1e-7, 3e-7)])
def test_ticks_are_round_and_inside(low: float, high: float) -> None:
    found = ticks(low, high, 5)
    assert 3 <= len(found) <= 6
    assert all(low - 1e-9 <= tick <= high + 1e-9 for tick in found)
    steps = {round((after - before) / (high - low), 6) for before, after in itertools.pairwise(found)}
    assert len(steps) == 1


def test_a_chart_is_inside_its_picture() -> None:
    values = {"one": {epoch: math.sin(epoch) for epoch in range(1, 30)}, "nan": {1: math.nan}}
    found = chart("Waves", "height", values)
    assert found is not None
    assert [line.name for line in found.lines] == ["one"]
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in found.lines[0].points)
    heights = [y for _, y in found.lines[0].points]
    order = sorted(range(29), key=lambda place: -math.sin(place + 1))
    assert sorted(range(29), key=lambda place: heights[place]) == order  # larger values stand higher
    assert chart("Nothing", "", {"nan": {1: math.nan}}) is None


def test_the_charts_of_a_run() -> None:
    titles = [each.title for each in charts_of(record())]
    assert titles == ["Accuracy after each epoch", "Right label over wrong one, block by block", "Loss of each block"]
    (accuracy, *_) = charts_of(record())
    assert accuracy.lines[0].last == f"{100 * ROWS[-1]['validation_goodness_accuracy']:.1f} %"
    assert "held-out images, by goodness 50.0 %" in accuracy.summary


def test_runs_of_one_seed_are_not_alike() -> None:
    runs = [("a", 0), ("b", 0), ("a", 1), ("b", 0)]
    found = alike(runs, lambda run: run[0], lambda run: run[1])
    assert found == [[("a", 0), ("a", 1)], [("b", 0)], [("b", 0)]]


def test_few_images_are_never_clear() -> None:
    for images in (1, 2):
        assert not of_images(0.0, 1.0, images).clear
    assert of_images(0.0, 1.0, 10).clear
    perfect = of_images(1.0, 1.0, 38)
    assert perfect.least is not None
    assert perfect.least > 0.05
    assert "below 0.0" not in verdict(1.0, 1.0, 38, "images")


def test_the_error_of_few_images_is_that_of_more_answers() -> None:
    """Agresti and Caffo: one right and one wrong answer are added to each sample; the difference stays as it is."""
    first, second, n = 3 / 10, 8 / 10, 10
    p, q = (3 + 1) / 12, (8 + 1) / 12
    error = (p * (1 - p) / 12 + q * (1 - q) / 12) ** 0.5  # of the difference of the shares of 12
    found = of_images(first, second, n)
    assert found.difference == pytest.approx(0.5)
    assert found.least == pytest.approx(1.96 * error * 12 / 10, rel=1e-3)
