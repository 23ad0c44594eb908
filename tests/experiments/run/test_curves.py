"""Accuracy against minutes: the sums by hand, and a figure of runs that reached the mark and that did not."""

from pathlib import Path

import pytest

from experiments.config.settings import Settings
from experiments.run.curves import draw_accuracy_against_minutes, minutes_of, minutes_to
from experiments.run.folder import RunRecord


def run_of(accuracies: list[float], column: str = "validation_groups_accuracy", seconds: float = 30.0) -> RunRecord:
    rows = [
        {"epoch": epoch, column: accuracy, "images_per_second": 100.0, "seconds": seconds}
        for epoch, accuracy in enumerate(accuracies, start=1)
    ]
    recipe = {"batch_size": 10, "optimizer": "adam"}
    return RunRecord(Path("run"), Settings(label_at="output"), recipe, {"dataset": "drawn"}, rows)


def test_minutes_are_those_of_training_added_up() -> None:
    run = run_of([0.5, 0.7, 0.8], seconds=90.0)
    assert minutes_of(run) == [1.5, 3.0, 4.5]
    assert minutes_to(run, 0.7) == 3.0
    assert minutes_to(run, 0.75) == 4.5
    assert minutes_to(run, 0.9) is None
    assert minutes_to(run_of([0.5], column="loss"), 0.1) is None


@pytest.mark.draws
def test_the_figure_says_when_each_run_reached_the_mark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from matplotlib.axes import Axes

    labels = []
    plot = Axes.plot
    monkeypatch.setattr(
        Axes, "plot", lambda self, *xs, **options: labels.append(options["label"]) or plot(self, *xs, **options)
    )
    runs = [run_of([0.5, 0.8]), run_of([0.4, 0.6], column="validation_head_accuracy"), run_of([0.5], column="loss")]
    assert draw_accuracy_against_minutes(runs, tmp_path / "minutes.png")
    assert [label.splitlines()[1] for label in labels] == ["75 % after 1.0 min", "not 75 %"]
    assert {path.name for path in tmp_path.iterdir()} == {"minutes.png", "minutes.pdf"}
    assert not draw_accuracy_against_minutes(runs[2:], tmp_path / "none.png")
