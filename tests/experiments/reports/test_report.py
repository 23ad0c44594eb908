"""The report of a run: what it says, that it is one whole file, and that no run fails for it."""

import html
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from convff import load
from experiments.commands import entry
from experiments.config.settings import Settings
from experiments.datasets import load_dataset
from experiments.rejudge import rejudge
from experiments.reports import of_run
from experiments.run import train
from experiments.run.alike import judged_by
from experiments.run.folder import read
from experiments.run.predictions import FILE, Predictions, read_predictions, write_predictions
from tests.experiments.reports.pages import faults
from tests.experiments.reports.samples import answers, record, written

OLD = sorted((Path(__file__).parent.parent.parent / "data" / "version-0.1").iterdir())
LARGEST = 3 * 2**20
SMALL: dict[str, Any] = {
    "dataset": "digits",
    "preset": "smoke",
    "device": "cpu",
    "model": "cnn3",
    "width": 6,
    "train_images": 200,
    "precision": "float32",
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A run with the label in the image, and one with the label at the output, with their reports."""
    out, found = tmp_path_factory.mktemp("runs"), {}
    with pytest.MonkeyPatch.context() as patch:
        for name in ("draw_learning_curve", "draw_confusion_matrix"):
            patch.setattr(train.figures, name, lambda *arguments, **options: None)
        for place in ("image", "output"):
            train.main(Settings(**SMALL, label_at=place, out=out))
            (found[place],) = (folder for folder in out.iterdir() if folder not in found.values())
    return found


pytestmark = pytest.mark.reports


@pytest.mark.parametrize("place", ["image", "output"])
def test_a_run_writes_its_report(runs: dict[str, Path], place: str) -> None:
    path = runs[place] / "report.html"
    text = path.read_text()
    assert faults(text) == []
    assert path.stat().st_size < LARGEST
    run, found = read(runs[place]), read_predictions(runs[place] / FILE)
    assert found is not None
    assert found.by == {"image": "goodness", "output": "groups"}[place]
    assert float(found.correct.mean()) == pytest.approx(run.results["accuracy"][found.by])
    assert (runs[place] / FILE).stat().st_size < 50_000
    kept = len(found.kept)
    labels = 10 if place == "image" else 0
    assert text.count("<img") == 4 * kept + labels
    assert "There are no maps" not in text
    commit = run.results["git_commit"] or ""  # none outside of a checkout
    for words in (commit, "convff train ", "@article{hinton2022"):
        assert html.escape(words) in text


@pytest.mark.parametrize("place", ["image", "output"])
def test_a_report_is_made_again_without_any_data(
    runs: dict[str, Path],
    place: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def no_data(*arguments: object) -> None:
        raise AssertionError

    monkeypatch.setattr("experiments.run.data.load", no_data)
    out = tmp_path / "folder" / "again.html"
    assert entry.main(["report", str(runs[place]), "--out", str(out)]) == 0
    assert capsys.readouterr().out == f"{out}\n"
    assert out.read_bytes() == (runs[place] / "report.html").read_bytes()


def test_the_surest_answers_are_those_of_the_scores(runs: dict[str, Path]) -> None:
    """By sorting all images by hand, and by asking the network again."""
    found = read_predictions(runs["output"] / FILE)
    assert found is not None
    test = load_dataset("digits", None).test
    images = test.images[: len(found)]
    scores = load(runs["output"]).scores(images).numpy()
    np.testing.assert_allclose(np.sort(scores, axis=1)[:, ::-1][:, :5], found.scores, rtol=1e-4, atol=1e-6)
    assert found.right.tolist() == test.classes[: len(found)].tolist()
    for index, pixels in zip(found.kept.tolist(), found.images, strict=True):
        assert (images[index].numpy() == pixels).all()
    ordered = sorted(range(len(found)), key=lambda index: -float(found.margin[index]))
    for right in (True, False):
        first = next(index for index in ordered if bool(found.correct[index]) == right)
        surest = found.surest(right=right, count=6)
        assert surest[0] == first
        assert all(bool(found.correct[index]) == right for index in surest)
        assert set(surest) <= set(found.kept.tolist())
        assert max(np.bincount(found.right[surest])) <= 2 or len(set(found.right[surest].tolist())) < 3


@pytest.mark.parametrize("place", ["image", "output"])
def test_the_map_of_a_lead_is_the_difference_of_two_maps(runs: dict[str, Path], place: str) -> None:
    model = load(runs[place])
    images = torch.randint(256, (3, *model.image_shape), dtype=torch.uint8)
    for by in (None, "readout"):
        one, other = (model.maps(images, of, by=by).summed() for of in (2, 7))
        torch.testing.assert_close(one - other, model.maps(images, 2, against=7, by=by).summed(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("folder", OLD, ids=lambda folder: folder.name)
def test_old_runs_have_a_report(folder: Path, tmp_path: Path) -> None:
    out = of_run.write_report(folder, tmp_path / "report.html")
    text = out.read_text()
    assert faults(text) == []
    assert "This run has saved no predictions" in text
    assert "python experiments/" in text
    results = read(folder).results
    accuracy = results["accuracy"][judged_by(results)]
    assert f"{100 * accuracy:.1f}\u00a0% of 360 test images" in text


def test_an_old_run_is_judged_again_for_its_predictions(tmp_path: Path) -> None:
    copy = tmp_path / "run"
    shutil.copytree(next(folder for folder in OLD if "onehot" in folder.name), copy)
    rejudge(copy)
    text = of_run.write_report(copy).read_text()
    assert "This run has saved no predictions" not in text
    assert "There are no maps" in text  # its checkpoint does not name the rule
    assert faults(text) == []


@pytest.mark.parametrize("names", [("<script>alert(1)</script>", "a & b", "\"'>"), tuple(f"<b>{n}" for n in range(40))])
def test_names_are_escaped(names: tuple[str, ...]) -> None:
    run = record(0.5, readout=0.6, control=0.5, images=40, labels="<i>./x.py:Y</i>")
    run.results["findings"] = [{"fault": "<u>", "block": 1, "epoch": 1, "figure": "<s>", "remedy": "<q>"}]
    text = written(run, answers(60, names))
    assert faults(text) == []
    for name in names[:3]:
        assert name not in text.split("</style>")[1]
        assert html.escape(name).replace("&#x27;", "&#39;").replace("&quot;", "&#34;") in text
    for word in ("<i>", "<u>", "<s>", "<q>"):
        assert word not in text


def test_what_is_missing_is_said() -> None:
    assert "These are DRAWN STAND-IN images" not in written(record(), None)
    run = record()
    run.results["is_stand_in"] = True
    found = answers()
    text = written(run, found)
    assert "These are DRAWN STAND-IN images" in text
    assert "no network" in text
    none = np.zeros(0, np.int64), found.images[:0]
    assert "did not keep the images" in written(run, replace(found, kept=none[0], images=none[1]))
    unsure = replace(found, best=found.best[:, :1], scores=found.scores[:, :0])
    assert "no answer is surer than another" in written(run, unsure)
    everything_right = replace(found, right=found.given)
    assert "Wrong, and sure of it" not in written(run, everything_right)


def test_predictions_are_read_as_they_were_written(tmp_path: Path) -> None:
    found = answers(names=("ä", "b", "日本"))
    write_predictions(found, tmp_path / FILE)
    again = read_predictions(tmp_path / FILE)
    assert again is not None
    assert (again.by, again.class_names) == (found.by, found.class_names)
    for name in ("right", "best", "kept", "images"):
        assert np.array_equal(getattr(again, name), getattr(found, name))
    np.testing.assert_allclose(again.scores, found.scores, rtol=1e-6)
    assert read_predictions(tmp_path / "none.npz") is None


SPOILED: dict[str, Callable[[Predictions], Predictions]] = {
    "scores": lambda found: replace(found, scores=found.scores[:3]),
    "class": lambda found: replace(found, right=found.right + 9),
    "index": lambda found: replace(found, kept=found.kept + 1000),
    "pictures": lambda found: replace(found, images=found.images[:, :, :, 0]),
    "names": lambda found: replace(found, class_names=()),
}


@pytest.mark.parametrize("what", [*SPOILED, "bytes", "cut"])
def test_a_damaged_file_is_refused_by_name(what: str, tmp_path: Path) -> None:
    path = tmp_path / FILE
    write_predictions(SPOILED.get(what, lambda found: found)(answers()), path)
    if what == "bytes":
        path.write_bytes(b"no archive")
    if what == "cut":
        path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(ValueError, match=f"{FILE} was not written by a run"):
        read_predictions(path)


def test_a_report_that_fails_does_not_fail_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*arguments: object, **options: object) -> None:
        raise RuntimeError("no room for it")

    monkeypatch.setattr(of_run, "write_report", broken)
    (results,) = train.main(Settings(**SMALL, inference=("goodness",), label_at="output", out=tmp_path))
    assert results.accuracy["groups"] is not None
    assert "note: there is no report.html: RuntimeError: no room for it" in capsys.readouterr().out
    train.main(Settings(**SMALL, inference=("goodness",), label_at="output", out=tmp_path / "quiet", report=False))
    assert not list((tmp_path / "quiet").glob("*/report.html"))
    assert "report.html" not in capsys.readouterr().out


def test_faults_are_said_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    copy = tmp_path / "run"
    shutil.copytree(OLD[0], copy)
    results = json.loads((copy / "results.json").read_text())
    for change, message in (({"control": 3}, "does not hold a run"), (None, "results.json does not exist")):
        (copy / "results.json").unlink() if change is None else (copy / "results.json").write_text(
            json.dumps(results | change)
        )
        with pytest.raises(SystemExit) as end:
            entry.main(["report", str(copy)])
        assert end.value.code == 2
        assert message in capsys.readouterr().err
    with pytest.raises(SystemExit):
        entry.main(["report", str(tmp_path / "nowhere")])
    assert "nowhere is not a run folder" in capsys.readouterr().err
