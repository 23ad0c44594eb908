"""`convff export`: the file scores like the run, knows its classes, and is removed if it does not."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from convff import AtOutput, Classifier, ForwardForward, LinearReadout, cnn3, load
from convff.exporting import LEAST_TORCH, can_export
from experiments.commands import entry, formats
from labels import FourierLabels, NoLabels

NEW_ENOUGH = pytest.mark.skipif(not can_export(), reason=f"PyTorch before {LEAST_TORCH}")
NAMES, SHAPE = ("cat", "dog", "eel"), (1, 8, 8)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two trained networks: `at-output` and `in-image`, the latter with candidates."""
    folder = tmp_path_factory.mktemp("runs")
    torch.manual_seed(0)
    for name, labels, rule in (
        ("at-output", NoLabels(3), ForwardForward(label_at=AtOutput(3))),
        ("in-image", FourierLabels(3, (8, 8)), ForwardForward()),
    ):
        net = cnn3(SHAPE, width=6, kernel=3)
        readout = LinearReadout(net, labels, SHAPE, grid=2)
        torch.nn.init.normal_(readout.linear.weight)
        (folder / name).mkdir()
        Classifier(
            net,
            labels,
            rule,
            class_names=NAMES,
            image_shape=SHAPE,
            modules={"readout": readout},
            model="cnn3",
            options={"width": 6, "kernel": 3},
            candidates=2,
        ).save(folder / name / "checkpoint.safetensors")
    return folder


def convff(*arguments: object) -> int:
    return entry.main([str(argument) for argument in arguments])


def refused(*arguments: object) -> None:
    with pytest.raises(SystemExit) as end:
        convff(*arguments)
    assert end.value.code == 2


@NEW_ENOUGH
def test_a_torch_file_scores_like_the_run(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert convff("export", place / "at-output", "--to", "torch") == 0
    path = tmp_path / "at-output.pt2"
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "at-output.pt2: images [N, 1, 8, 8] to 3 scores by groups"
    assert said[1].startswith("largest difference ")
    assert said[2].endswith(" ms per image")
    extra = {"convff.json": ""}
    module = torch.export.load(path, extra_files=extra).module()
    assert json.loads(extra["convff.json"]) == {
        "class_names": list(NAMES),
        "image_shape": list(SHAPE),
        "scores": "groups",
    }
    for count in (1, 7):
        images = torch.rand(count, *SHAPE)
        torch.testing.assert_close(module(images), load(place / "at-output").scores(images), rtol=1e-4, atol=1e-5)
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


@NEW_ENOUGH
@pytest.mark.parametrize(("run", "by"), [("in-image", "goodness"), ("at-output", "readout")])
def test_an_onnx_file_scores_like_the_run(run: str, by: str, place: Path, tmp_path: Path) -> None:
    for package in ("onnx", "onnxscript"):
        pytest.importorskip(package)
    runtime = pytest.importorskip("onnxruntime")
    path = tmp_path / "more" / "net.onnx"
    assert convff("export", place / run, "--by", by, "--out", path) == 0
    session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
    notes = session.get_modelmeta().custom_metadata_map
    assert json.loads(notes["class_names"]) == list(NAMES)
    for count in (1, 7):
        images = torch.rand(count, *SHAPE)
        scores = torch.from_numpy(session.run(["scores"], {"images": images.numpy()})[0])
        assert scores.dtype == torch.float32
        torch.testing.assert_close(scores, load(place / run).scores(images, by=by), rtol=1e-4, atol=1e-4)


@NEW_ENOUGH
@pytest.mark.parametrize("wrong", ["scores", "notes"])
def test_a_file_that_differs_is_removed(
    wrong: str, place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    kind, factor = formats.FORMATS["torch"], 1.001 if wrong == "scores" else 1.0

    def write(_graph: object, notes: object, path: Path) -> None:
        path.write_text(json.dumps(notes if wrong == "scores" else {}))

    def read(path: Path) -> object:
        model = load(place / "at-output")
        return lambda images: factor * model.scores(images), json.loads(path.read_text())

    monkeypatch.setitem(formats.FORMATS, "torch", replace(kind, write=write, read=read))
    monkeypatch.setattr("convff.exporting.Scores.graph", lambda scores: None)
    refused("export", place / "at-output", "--to", "torch", "--out", tmp_path / "net.pt2")
    said = "would differ from the run by" if wrong == "scores" else "would not keep its notes"
    assert said in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@NEW_ENOUGH
def test_what_cannot_be_exported_is_said(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = place / "at-output"
    refused("export", run, "--to", "torch", "--out", tmp_path / "net.onnx")
    assert "--out must end in .pt2 for --to torch" in capsys.readouterr().err
    refused("export", run, "--to", "torch", "--by", "head")
    assert "no scores by 'head'" in capsys.readouterr().err
    refused("export", tmp_path / "none", "--to", "torch")
    assert "there is no checkpoint" in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "onnx", None)
    refused("export", run, "--to", "onnx")
    assert 'pip install "convff[export]"' in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("to", ["torch", "onnx"])
def test_an_old_pytorch_is_refused(
    to: str, place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(torch, "__version__", "2.7.1")
    monkeypatch.chdir(tmp_path)
    refused("export", place / "at-output", "--to", to)
    assert f"export needs PyTorch {LEAST_TORCH} or later: this is 2.7.1" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
