"""Runs with the label at every place that needs one pass per image, and with local heads, on scikit-learn's digits."""

import json
from pathlib import Path

import pytest
import torch

from convff import PLACES, load_checkpoint
from experiments.config.settings import Settings, SettingsError
from experiments.rejudge import rejudge
from experiments.run import folder as run_folder
from experiments.run.parts import prepare
from experiments.run.train import main

CASES: dict[str, dict[str, object]] = {
    "gains": {"label_at": "gains"},
    "gains, random": {"label_at": "gains", "label_gains": "random"},
    "stream": {"label_at": "stream"},
    "beside": {"label_at": "beside", "pool_after": (1,), "epochs": 4},  # a wave needs some pixels
    "local_heads": {"rule": "local_head"},
    "groups": {"label_at": "output", "similarity": 0.5, "stagger": 0.5, "augment": "flips_shifts"},
}


def tiny(out: Path, **changes: object) -> Settings:
    defaults = {"dataset": "digits", "preset": "smoke", "model": "cnn6", "width": 20, "train_images": 200}
    defaults |= {"batch_size": 20, "epochs": 2, "out": out, "device": "cpu", "precision": "float32"}
    return Settings(**(defaults | changes))  # type: ignore[arg-type]


def test_every_place_is_run() -> None:
    elsewhere = {"image", "blocks", "nowhere"}  # in files of their own, and in test_train.py
    assert {case["label_at"] for case in CASES.values() if "label_at" in case} | elsewhere == set(PLACES)


@pytest.mark.parametrize("name", CASES)
def test_a_run_learns_and_is_judged_again_from_its_checkpoint(name: str, tmp_path: Path) -> None:
    (results,) = main(tiny(tmp_path, **CASES[name]))
    (folder,) = tmp_path.iterdir()
    evaluation = name.split(",", maxsplit=1)[0]
    report = json.loads((folder / "results.json").read_text())
    assert list(report["scores"]) == [evaluation, "linear"]
    assert report["labels"] == CASES[name].get("label_at", "none")
    assert results.accuracy[evaluation] > 0.2
    assert rejudge(folder)["accuracy"][evaluation] == results.accuracy[evaluation]

    trained = run_folder.read_with_network(run_folder.read(folder))
    again = trained.parts.evaluator().own(trained.net, trained.modules)
    assert again.value == results.accuracy[evaluation]
    beside = {key for key in load_checkpoint(folder / "checkpoint.safetensors").extra if key.startswith("beside.")}
    assert bool(beside) == (evaluation in ("gains", "beside", "local_heads"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"label_at": "stream", "labels": "channel"}, "which ChannelLabels does not have"),
        ({"label_at": "beside", "labels": "morph"}, "which MorphLabels does not have"),
        ({"label_at": "stream", "label_intensity": 0.5}, "--label-at stream labels are not mixed with images"),
        ({"label_at": "beside", "model": "mlp", "width": None}, "need convolutions, got a dense layer"),
        ({"rule": "local_head", "labels": "morph"}, "with --rule local_head no image carries a label"),
        ({"rule": "bp", "similarity": 0.5}, "--similarity 0.5 would change nothing: --rule bp has no local steps"),
        ({"rule": "bp", "stagger": 0.5}, "--stagger 0.5 would change nothing"),
        ({"rule": "hebbff", "label_at": "output", "similarity": 0.5}, "got HebbianForwardForward: use rule ff"),
        ({"label_at": "output", "label_gains": "learned"}, "--label-at output has no gains"),
        ({"label_at": "blocks", "reduction": "activity"}, "AtBlocks is built on squares"),
        ({"rule": "hebbff", "reduction": "activity"}, "rule hebbff takes no option reduction"),
        ({"rule": "local_head", "scale": 4.0}, "--rule local_head has no gates"),
    ],
)
def test_what_makes_no_sense_is_refused(changes: dict[str, object], message: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=message):
        prepare(tiny(tmp_path, **changes))
    assert not list(tmp_path.iterdir())


def test_a_stream_has_the_waves_that_were_chosen(tmp_path: Path) -> None:
    parts = prepare(tiny(tmp_path, label_at="stream", label_selection="random", seed=3))
    assert parts.labels.spec()["of"]["family"] == "fourier"
    usual = prepare(tiny(tmp_path, label_at="stream"))
    images = torch.zeros(1, *parts.train.shape)
    assert not torch.equal(parts.labels.label_images(images), usual.labels.label_images(images))  # type: ignore[attr-defined]
