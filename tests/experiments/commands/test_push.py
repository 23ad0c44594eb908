"""`convff push`: the card says what the results say, and `hf://` stands wherever a run does."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest
import torch
from PIL import Image

from convff import AtOutput, Classifier, ForwardForward, cnn3
from experiments.commands import entry
from experiments.config.presets import recipe_for
from experiments.config.settings import Settings
from labels import NoLabels
from tests.convff.hub import Hub, hub_in
from tests.experiments.reports.samples import record


def convff(*arguments: object) -> int:
    return entry.main([str(argument) for argument in arguments])


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """The folder of a finished run on images of one's own."""
    torch.manual_seed(0)
    net, rule = cnn3((1, 8, 8), width=6, kernel=3), ForwardForward(label_at=AtOutput(2))
    about = {"model": "cnn3", "options": {"width": 6, "kernel": 3}}
    model = Classifier(net, NoLabels(2), rule, class_names=("cat", "dog"), image_shape=(1, 8, 8), **about)  # type: ignore[arg-type]
    folder = tmp_path / "run"
    folder.mkdir()
    model.save(folder / "checkpoint.safetensors")
    settings = Settings(dataset="folder", data_dir=tmp_path / "photos", label_at="output", lr=0.02, out=tmp_path)
    written = {"settings": settings.as_json(), "recipe": asdict(recipe_for(settings))}
    (folder / "settings.json").write_text(json.dumps(written))
    results = record(0.875, name="groups", readout=0.75, control=0.625).results
    results |= {"dataset": "image folder photos", "versions": {"python": "3.11", "torch": "2.6.0", "numpy": None}}
    (folder / "results.json").write_text(json.dumps(results))
    (folder / "metrics.csv").write_text("epoch,loss_1\n1,0.5\n")
    return folder


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hub:
    return hub_in(tmp_path / "hub", monkeypatch)


def test_the_card_says_what_the_results_say(run: Path, hub: Hub, capsys: pytest.CaptureFixture[str]) -> None:
    assert convff("push", run, "user/pets", "--private") == 0
    assert capsys.readouterr().out == "hf://user/pets\n"
    assert ("create_repo", {"private": True}) in hub.calls
    card = (hub.root / "user" / "pets" / "README.md").read_text(encoding="utf-8")
    first, second, control = (line for line in card.splitlines() if line.endswith(" % |"))
    assert "groups" in first
    assert first.endswith("| 87.50 % |")
    assert second.endswith("| 75.00 % |")
    assert control.endswith("untrained network (control) | 62.50 % |")
    for words in (
        "image folder photos, 38 test images, seed 0",
        "```bash\nconvff train photos --lr 0.02\n```",
        "python 3.11, torch 2.6.0",
        "2 threads",
        "1.0 minutes",
        "@software{convff,",
        "@article{hinton2022,",
        'convff.load("hf://user/pets")',
    ):
        assert words in card
    assert str(run.parent) not in card


def test_what_is_wrong_with_the_images_is_said_without_their_places(run: Path, tmp_path: Path) -> None:
    results = json.loads((run / "results.json").read_text())
    place = tmp_path / "photos"
    notes = (
        f"9 photographs, 1 unreadable and excluded: {place}/a/2.jpg is cut short",
        "warning: 3 of the images in test/ are also in train/",
        f"warning: the same image in several classes, used to learn from: {place}/a/1.png = {place}/b/1.png",
    )
    results |= {"notes": notes, "excluded": [f"{place}/a/2.jpg: cannot identify {place}/a/2.jpg"]}
    (run / "results.json").write_text(json.dumps(results))
    convff("push", run, "user/pets", "--card", tmp_path / "card.md")
    card = (tmp_path / "card.md").read_text(encoding="utf-8")
    assert "- warning: 3 of the images in test/ are also in train/\n" in card
    assert "- warning: the same image in several classes, used to learn from\n" in card
    assert "- 1 image could not be read and is excluded\n" in card
    assert str(tmp_path) not in card


def test_stand_ins_are_named(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    results = json.loads((run / "results.json").read_text())
    (run / "results.json").write_text(json.dumps(results | {"is_stand_in": True, "control": {}}))
    assert convff("push", run, "user/pets", "--card", tmp_path / "card.md") == 0
    assert capsys.readouterr().out == f"{tmp_path / 'card.md'}\n"
    card = (tmp_path / "card.md").read_text(encoding="utf-8")
    assert "**On drawn stand-in images**" in card
    assert "(control) | not measured |" in card


def test_a_network_of_the_hub_predicts(run: Path, hub: Hub, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    convff("push", run, "user/pets")
    capsys.readouterr()
    Image.effect_mandelbrot((40, 30), (-2, -1, 1, 1), 50).save(tmp_path / "photo.png")
    said = []
    for network in (run, "hf://user/pets"):
        assert convff("predict", network, tmp_path / "photo.png", "--format", "json") == 0
        said.append(capsys.readouterr().out)
    assert said[0] == said[1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("push", "none", "user/pets"), "there is no checkpoint none"),
        (("push", "{run}", "pets"), "a repository of the Hub is user/name, got 'pets'"),
        (("predict", "hf://user/pets", "photo.png"), "hf://user/pets cannot be read: FileNotFoundError: 404"),
    ],
)
@pytest.mark.usefixtures("hub")
def test_faults_are_said_in_one_line(
    arguments: tuple[str, ...], message: str, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        convff(*(each.format(run=run) for each in arguments))
    assert end.value.code == 2
    assert message in capsys.readouterr().err


def test_a_run_that_is_not_finished_is_not_pushed(run: Path, hub: Hub, capsys: pytest.CaptureFixture[str]) -> None:
    (run / "results.json").unlink()
    with pytest.raises(SystemExit) as end:
        convff("push", run, "user/pets")
    assert end.value.code == 2
    assert "results.json does not exist: not a finished run" in capsys.readouterr().err
    assert hub.calls == []
