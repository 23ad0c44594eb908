"""A run's network is put among those that ship, with how it was made; others are refused."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from convff import load
from experiments import ship as shipping
from experiments.config.settings import Settings, SettingsError
from experiments.run.train import main
from experiments.ship import Ship, ship


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs")
    main(
        Settings(
            dataset="digits",
            preset="smoke",
            labels="fourier",
            widths=(8, 8),
            model="mlp",
            epochs=1,
            train_images=100,
            device="cpu",
            out=out,
        )
    )
    (folder,) = (path for path in out.iterdir() if path.is_dir())
    return folder


@pytest.fixture
def nets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of shipped networks, with none in it."""
    (tmp_path / "index.json").write_text(json.dumps({"digits": [], "nets": {}}))
    monkeypatch.setattr(shipping, "NETS", tmp_path)
    return tmp_path


def test_a_network_is_shipped_with_how_it_was_made(run: Path, nets: Path) -> None:
    assert ship(Ship(run=run, name="mine")).startswith(str(nets / "mine.safetensors"))
    about: dict[str, Any] = json.loads((nets / "index.json").read_text())["nets"]["mine"]
    results = json.loads((run / "results.json").read_text())
    words = about["command"].split()
    assert words[:3] == ["convff", "train", "digits"]
    assert words[words.index("--labels") + 1] == "fourier"
    assert about["accuracy"]["goodness"] == round(results["accuracy"]["goodness"], 4)
    images = torch.rand(3, 1, 8, 8)
    assert torch.equal(load(nets / about["file"]).scores(images), load(run).scores(images))


@pytest.mark.parametrize(("name", "value"), [("is_stand_in", True), ("evaluate_on", "validation")])
def test_what_is_no_result_is_not_shipped(name: str, value: object, run: Path, nets: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(run, copy)
    file = copy / ("results.json" if name == "is_stand_in" else "settings.json")
    content = json.loads(file.read_text())
    (content if name == "is_stand_in" else content["settings"])[name] = value
    file.write_text(json.dumps(content))
    with pytest.raises(ValueError, match="was not judged on test images of real data"):
        ship(Ship(run=copy, name="mine"))
    assert not (nets / "mine.safetensors").exists()


def test_a_folder_without_a_run(nets: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="there is no file"):
        ship(Ship(run=tmp_path / "none", name="mine"))
