"""Inference over the readout's candidates, compared with inference over all labels."""

import json
from pathlib import Path

import pytest
import torch

from experiments import candidates
from experiments.candidates import Options, check, compared, main
from experiments.config.settings import SettingsError
from tests.experiments.small_runs import trained_by


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("experiments.run.train.report_run", lambda *arguments, **options: None)
        return trained_by(tmp_path_factory.mktemp("runs"))


def test_all_labels_give_the_accuracy_of_the_run(run: Path, tmp_path: Path) -> None:
    rows = main(Options(run=run, tried=(5, 1), device="cpu", json=tmp_path / "table.json"))
    results = json.loads((run / "results.json").read_text())
    assert [row["labels tried"] for row in rows] == [10, 5, 1]
    assert rows[0]["accuracy"] == pytest.approx(results["accuracy"]["goodness"], abs=1e-6)
    # With one candidate the readout alone decides.
    assert rows[2]["accuracy"] == pytest.approx(results["accuracy"]["linear"], abs=1e-6)
    for row in rows:
        assert row["points lost"] == pytest.approx(100 * (rows[0]["accuracy"] - row["accuracy"]))
    written = json.loads((tmp_path / "table.json").read_text())
    assert written["rows"] == rows
    assert (written["images"], written["on"]) == (360, results["judged_on"])


def test_some_of_the_images(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = main(Options(run=run, tried=(40, 3), images=20, device="cpu"))
    assert [row["labels tried"] for row in rows] == [10, 3]  # 40 of 10 labels are all of them
    assert all(row["accuracy"] * 20 == pytest.approx(round(row["accuracy"] * 20), abs=1e-5) for row in rows)
    header, columns, *lines = capsys.readouterr().out.splitlines()
    assert "20 images, 10 classes" in header
    assert "points lost" in columns
    assert [int(line.split()[0]) for line in lines] == [10, 3]


def test_points_and_times_are_beside_the_first_row(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 6.0, 10.0, 12.0])
    monkeypatch.setattr(candidates.time, "perf_counter", lambda: next(clock))
    answers = {100: torch.tensor([1, 1, 1, 1]), 10: torch.tensor([1, 1, 1, 0])}
    rows = compared(lambda tried, images: answers[tried][:images], torch.tensor([1, 1, 0, 1]), [100, 10])
    assert [row["points lost"] for row in rows] == [0.0, 25.0]
    assert [row["times as fast"] for row in rows] == [1.0, 3.0]


def test_a_run_without_goodness_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"is judged by .*: candidates need goodness and a readout"):
        main(Options(run=trained_by(tmp_path, label_at="output"), device="cpu"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tried": ()}, "--tried takes numbers from 1 on, got none"),
        ({"tried": (5, 0)}, "--tried takes numbers from 1 on, got 5 0"),
        ({"images": 0}, "--images must be at least 1, got 0"),
    ],
)
def test_numbers_out_of_range_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        check(Options(run=Path("runs/none"), **options))
