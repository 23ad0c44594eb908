"""Runs with the label at the output: a group of channels per class. On scikit-learn's digits."""

import csv
import json
from pathlib import Path

import pytest
import torch

from convff import load_checkpoint
from experiments.config.settings import Settings
from experiments.rejudge import rejudge
from experiments.run import folder as run_folder
from experiments.run.train import main
from labels import NoLabels, labels_from_spec


def tiny(out: Path, **changes: object) -> Settings:
    defaults = {"dataset": "digits", "preset": "smoke", "label_at": "output", "out": out, "device": "cpu"}
    defaults |= {"precision": "float32"}  # by hand is in float32 too
    return Settings(**(defaults | changes))


@pytest.mark.parametrize(("rule", "model"), [("ff", "cnn6"), pytest.param("hebbff", "mlp", marks=pytest.mark.slow)])
def test_a_run(tmp_path: Path, capsys: pytest.CaptureFixture[str], rule: str, model: str) -> None:
    (results,) = main(tiny(tmp_path, rule=rule, model=model, width=20 if model == "cnn6" else 100, train_images=300))
    (folder,) = tmp_path.iterdir()
    assert folder.name == f"digits-output-{rule}-smoke-seed0"
    assert f"labels output · rule {rule}" in capsys.readouterr().out

    checkpoint = load_checkpoint(folder / "checkpoint.safetensors")
    assert isinstance(labels_from_spec(checkpoint.notes["labels"]), NoLabels)
    report = json.loads((folder / "results.json").read_text())
    assert report["labels"] == "output"
    assert list(report["scores"]) == ["groups", "linear"]
    assert report["scores"]["groups"]["value"] == report["accuracy"]["groups"] == results.accuracy["groups"]
    assert report["accuracy"]["goodness"] is None
    assert report["control"]["untrained_linear"] is not None
    assert len(report["per_layer"]["accuracy"]) == len(checkpoint.net)
    assert report["label_only_probe"] == {}
    (row,) = csv.DictReader((folder / "metrics.csv").read_text().splitlines())
    assert 0 <= float(row["validation_groups_accuracy"]) <= 1

    assert rejudge(folder)["accuracy"]["groups"] == results.accuracy["groups"]
    trained = run_folder.read_with_network(run_folder.read(folder))
    predicted = trained.parts.evaluator().own(trained.net, trained.modules).predicted
    # By hand, from the definition: the class whose group of channels has the largest mean square, over all blocks but
    # the first.
    images = trained.parts.judged.images / 255
    with torch.no_grad():
        by_block = [a.unflatten(1, (10, -1)).flatten(2).square().mean(dim=2) for a in trained.net(images)[1:]]
    assert (torch.stack(by_block).sum(dim=0).argmax(dim=1) == predicted).float().mean() > 0.99


@pytest.mark.slow
@pytest.mark.draws
def test_figures_of_runs_with_different_places(tmp_path: Path) -> None:
    from experiments import figures

    small = {"train_images": 60, "inference": ("goodness",)}
    for place in ("image", "output"):
        main(tiny(tmp_path / "runs", label_at=place, **small))
    runs = tuple(sorted((tmp_path / "runs").iterdir()))
    written = figures.main(figures.Options(runs=runs, out=tmp_path / "figures"))
    assert {path.name for path in written} >= {"steps-digits.png", "discrimination-digits.png"}
    assert all(path.is_file() for path in written)


@pytest.mark.slow  # tests/convff/places/test_output.py trains a network too
def test_it_learns(tmp_path: Path) -> None:
    options = {"model": "cnn6", "width": 20, "epochs": 5, "batch_size": 16, "inference": ("groups",)}
    (results,) = main(tiny(tmp_path, **options))
    assert results.accuracy["groups"] is not None
    assert results.accuracy["groups"] > 0.6


def test_widths_are_rounded_with_a_note(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(tiny(tmp_path, width=32, model="cnn3"))
    assert "note: width 32 rounded to 30, to make equal groups of channels" in capsys.readouterr().out
    (folder,) = tmp_path.iterdir()
    about = json.loads((folder / "settings.json").read_text())
    assert about["settings"]["width"] == 32  # what was asked
    assert about["recipe"]["model_options"]["width"] == 30  # what was trained
    assert len(load_checkpoint(folder / "checkpoint.safetensors").net.blocks[0].layer.weight) == 30


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": "morph"}, "--labels morph would change nothing: with --label-at output no image carries a label"),
        ({"label_intensity": 0.5}, "--label-intensity 0.5 would change nothing"),
        ({"negatives": 3}, "--negatives 3 would change nothing: no pass has a wrong label"),
        ({"candidates": 3}, "--candidates 3 would change nothing: --rule ff tries no labels"),
        ({"rule": "bp"}, "--label-at output would change nothing: --rule bp has no place for the label"),
        ({"preset": "paper"}, "use --preset quick"),
        ({"contrast": "labelled"}, "one pass and no label images, got 2 passes: use a contrast without labels"),
    ],
)
def test_what_makes_no_sense_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], changes: dict[str, object], message: str
) -> None:
    with pytest.raises(SystemExit) as stop:
        main(tiny(tmp_path, **changes))
    assert stop.value.code == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
