"""The command line `convff`: a run is used on a machine without any data, and faults are said in one line."""

import csv
import importlib.metadata
import io
import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from PIL import Image

from convff import (
    MODELS,
    AtOutput,
    Classifier,
    ForwardForward,
    LinearReadout,
    RecurrentForwardForward,
    cnn3,
    load,
    read_picture,
)
from experiments.commands import COMMANDS, doctor, entry, predict
from experiments.commands.predict import found
from experiments.maps.one_image import finest
from labels import NoLabels

ROOT = Path(__file__).parent.parent.parent.parent
NAMES = ("cat", "dog", "eel")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a trained network and a folder of pictures, one of them broken."""
    folder = tmp_path_factory.mktemp("place")
    torch.manual_seed(0)
    net, labels = cnn3((1, 8, 8), width=6, kernel=3), NoLabels(3)
    readout = LinearReadout(net, labels, (1, 8, 8))
    torch.nn.init.normal_(readout.linear.weight)
    rule = ForwardForward(label_at=AtOutput(3))
    about = {"model": "cnn3", "options": {"width": 6, "kernel": 3}, "modules": {"readout": readout}}
    model = Classifier(net, labels, rule, class_names=NAMES, image_shape=(1, 8, 8), **about)  # type: ignore[arg-type]
    (folder / "run").mkdir()
    model.save(folder / "run" / "checkpoint.safetensors")
    (folder / "pictures" / "more").mkdir(parents=True)
    for name in ("b.png", "more/a.png"):
        pixels = torch.randint(256, (20, 30, 3), dtype=torch.uint8).numpy()
        Image.fromarray(pixels).save(folder / "pictures" / name)
    (folder / "bad.png").write_text("no picture")
    return folder


def convff(*arguments: object) -> int:
    return entry.main([str(argument) for argument in arguments])


def test_predictions_are_those_of_the_classifier(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pictures = [place / "pictures" / name for name in ("b.png", "more/a.png")]
    model = load(place / "run")
    for by in ("groups", "linear"):
        assert convff("predict", place / "run", place / "pictures", "--by", by, "--top", 2, "--format", "json") == 0
        rows = json.loads(capsys.readouterr().out)
        assert [row["file"] for row in rows] == [str(picture) for picture in pictures]
        assert [row["predictions"][0]["class"] for row in rows] == model.predict(pictures, by=by)
        best = model.scores(pictures, by=by).topk(2, dim=1)
        assert [[each["score"] for each in row["predictions"]] for row in rows] == best.values.tolist()


def test_of_equal_scores_the_first_class_is_predicted_as_by_the_classifier(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    names = [f"class {number:02}" for number in range(20)]
    model = SimpleNamespace(
        class_names=names, image_shape=(1, 8, 8), scores=lambda images, by: torch.zeros(len(images), 20)
    )
    monkeypatch.setattr(predict, "opened", lambda *_: model)
    convff("predict", place / "run", place / "pictures", "--top", 3, "--format", "json")
    rows = json.loads(capsys.readouterr().out)
    assert [[each["class"] for each in row["predictions"]] for row in rows] == [names[:3]] * 2


def test_a_file_of_predictions(place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "predictions.csv"
    assert convff("predict", place / "run", place / "pictures" / "b.png", "--format", "csv", "--out", out) == 0
    header, row = csv.reader(out.read_text().splitlines())
    assert header == ["file", "class", "score", "class_2", "score_2", "class_3", "score_3"]
    assert {row[1], row[3], row[5]} == set(NAMES)
    assert capsys.readouterr().out == f"1 images: {out}\n"


def test_a_bad_image_stops_or_is_skipped(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = (place / "pictures" / "b.png", place / "bad.png")
    with pytest.raises(SystemExit) as end:
        convff("predict", place / "run", *files)
    assert end.value.code == 2
    assert f"error: {place / 'bad.png'} cannot be read as an image" in capsys.readouterr().err
    assert convff("predict", place / "run", *files, "--on-bad-image", "skip") == 0
    said = capsys.readouterr()
    assert len(said.out.splitlines()) == 1
    assert "skipped: " in said.err
    assert convff("predict", place / "run", place / "bad.png", "--on-bad-image", "skip") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("predict", "none", "a.png"), "there is no checkpoint none"),
        (("predict", "{run}", "none.png"), "none.png cannot be read: there is no such file"),
        (("predict", "{run}"), "there is no image to predict"),
        (("predict", "{run}", "{image}", "--top", "0"), "--top must be at least 1, got 0"),
        (("predict", "{run}", "{image}", "--by", "head"), "no scores by 'head': `by` must be groups, linear, goodness"),
        (("explain", "{run}", "{image}", "--of", "cow"), "the classes are cat, dog, eel; got 'cow'"),
        (("explain", "{run}", "{image}", "--alone", "--against", "cat"), "--against would be ignored"),
        (("predict", "{run}", "{image}", "--out", "{none}/p.csv"), "cannot be written: there is no folder {none}"),
        (("predict", "{run}", "{image}", "--out", "{run}"), "--out {run} cannot be written: it is a folder"),
        (("compare", "{run}", "--out", "{none}/c.html"), "--out {none}/c.html cannot be written: there is no folder"),
        (("push", "{run}", "user/name", "--card", "{none}/c.md"), "--card {none}/c.md cannot be written: there is no"),
        (("demo", "--out", "{none}/demo.html"), "--out {none}/demo.html cannot be written: there is no folder"),
    ],
)
def test_faults_are_said_in_one_line(
    arguments: tuple[str, ...], message: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = {"run": place / "run", "image": place / "pictures" / "b.png", "none": place / "none"}
    with pytest.raises(SystemExit) as end:
        convff(*(each.format(**paths) for each in arguments))
    assert end.value.code == 2
    (said,) = capsys.readouterr().err.splitlines()
    assert message.format(**paths) in said


@pytest.mark.parametrize("out", ["b.pdf", "b", "b.jpg"])
def test_the_explained_image_is_never_overwritten(
    out: str, place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = Path(shutil.copy(place / "pictures" / "b.png", tmp_path / "b.png"))
    before = image.read_bytes()
    with pytest.raises(SystemExit):
        convff("explain", place / "run", image, "--out", tmp_path / out)
    assert "would overwrite the image" in capsys.readouterr().err
    assert image.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["b.png"]


def test_a_name_that_is_not_utf_8_is_written_as_its_bytes(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = os.fsencode(tmp_path) + b"/caf\xe9.png"
    try:
        shutil.copy(place / "pictures" / "b.png", os.fsdecode(name))
    except OSError:
        pytest.skip("this file system takes no such names")
    out = tmp_path / "p.csv"
    assert convff("predict", place / "run", os.fsdecode(name), "--format", "csv", "--out", out) == 0
    assert name in out.read_bytes()
    printed = io.BytesIO()  # and printed as an escape
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(printed, encoding="utf-8"))
    assert convff("predict", place / "run", os.fsdecode(name)) == 0
    sys.stdout.flush()
    assert rb"caf\udce9.png" in printed.getvalue()


def test_hidden_folders_are_passed_over(place: Path, tmp_path: Path) -> None:
    for folder in ("shown", ".thumbnails"):
        (tmp_path / folder).mkdir()
        shutil.copy(place / "pictures" / "b.png", tmp_path / folder / "b.png")
    assert found([tmp_path]) == [tmp_path / "shown" / "b.png"]
    assert found([tmp_path / ".thumbnails"]) == [tmp_path / ".thumbnails" / "b.png"]  # asked for by name


@pytest.mark.parametrize("by", ["groups", "linear"])
def test_an_image_is_explained(by: str, place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image, out = place / "pictures" / "b.png", tmp_path / "explained.png"
    assert convff("explain", place / "run", image, "--by", by, "--out", out) == 0
    words, path = capsys.readouterr().out.splitlines()
    model = load(place / "run")
    one, two = model.scores(image, by=by)[0].topk(2).values.tolist()
    (best,) = model.predict(image, by=by)
    assert words.startswith(f"{image}: {best} {one:.4g}; of {best}, its lead over ")
    assert float(words.rsplit(" ", 1)[1]) == pytest.approx(one - two, rel=1e-2)
    assert path == str(out)
    assert out.stat().st_size > 1000


@pytest.mark.parametrize("kind", ["recurrent_mlp", "recurrent_local"])
def test_a_network_that_settles_is_explained(
    kind: str, place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = {"classes": 3} | ({"widths": (6, 5)} if kind == "recurrent_mlp" else {"field": 3, "tile": 4})
    net, rule = MODELS[kind]((1, 8, 8), **options), RecurrentForwardForward()
    model = Classifier(net, NoLabels(3), rule, class_names=NAMES, image_shape=(1, 8, 8), model=kind, options=options)
    model.save(tmp_path / "net.safetensors")
    image, out = place / "pictures" / "b.png", tmp_path / "explained.png"
    assert convff("explain", tmp_path / "net.safetensors", image, "--of", "cat", "--against", "eel", "--out", out) == 0
    words = capsys.readouterr().out.splitlines()[0]
    cat, _, eel = model.scores(image)[0].tolist()
    assert float(words.rsplit(" ", 1)[1]) == pytest.approx(cat - eel, rel=1e-2)
    assert out.stat().st_size > 1000


def test_the_doctor_finds_nothing_wrong(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv(doctor.ENVIRONMENT, raising=False)
    monkeypatch.setattr(doctor, "requirements", lambda: {"torch": "2.5"})
    assert convff("doctor") == 0
    said = capsys.readouterr().out
    for line in ("python", "convff", "torch", "device", "precision", "AMX BF16", "free memory", "labels", "./data"):
        assert f"\n{line}" in f"\n{said}"
    assert said.endswith("nothing is wrong\n")


def test_the_doctor_says_what_is_wrong(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv(doctor.ENVIRONMENT, "no/such/folder")
    monkeypatch.setattr(doctor, "requirements", lambda: {"torch": "99.0", "no-such-package": "1.0"})
    monkeypatch.delattr("labels.__convff__")
    assert convff("doctor") == 1
    wrong = [line for line in capsys.readouterr().err.splitlines() if line.startswith("wrong: ")]
    for line, name in zip(wrong, ("labels", "torch", "no-such-package", "$CONVFF_DATA"), strict=True):
        assert line.startswith(f"wrong: {name}: ")


def test_the_doctor_knows_what_a_clone_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> list[str]:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr("importlib.metadata.requires", missing)
    needed = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    assert [f"{name}>={least}" for name, least in doctor.requirements().items()] == needed


@pytest.mark.parametrize("folder", ["~nobody-of-this-name/x", "x" * 5000])
def test_the_doctor_names_a_folder_that_cannot_be_read(monkeypatch: pytest.MonkeyPatch, folder: str) -> None:
    monkeypatch.setenv(doctor.ENVIRONMENT, folder)
    first, *_ = doctor.data()
    assert first.name == "$CONVFF_DATA"
    assert first.fault.startswith(folder)
    monkeypatch.setenv(doctor.ENVIRONMENT, "")
    first, *_ = doctor.data()
    assert (first.value, first.fault) == ("empty", "")


def test_labels_are_made_as_by_the_script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from experiments.label_sets import gallery

    made: list[object] = []
    monkeypatch.setattr(gallery, "make_gallery", lambda settings: made.append(settings) or "done")
    assert convff("labels", "--labels", "onehot", "--classes", 3, "--out", tmp_path) == 0
    assert [settings.classes for settings in made] == [3]  # type: ignore[attr-defined]


def test_help_names_every_command_and_imports_no_torch() -> None:
    """`convff --help`, and that of every command, in one process."""
    program = (
        "import sys\n"
        "from experiments.commands.entry import COMMANDS, main\n"
        "assert main([]) == 0\n"
        "assert main(['nothing']) == 2\n"
        "for name in COMMANDS:\n"
        "    try:\n        main([name, '--help'])\n"
        "    except SystemExit as end:\n        assert not end.code, end.code\n"
        "heavy = {'torch', 'torchvision', 'matplotlib', 'sklearn', 'numpy'} & set(sys.modules)\n"
        "sys.exit(f'loaded: {heavy}' if heavy else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    for name, what in COMMANDS.items():
        assert name in done.stdout
        assert what in done.stdout
    assert "there is no command 'nothing'" in done.stderr


def test_somebody_elses_experiments_are_named(tmp_path: Path) -> None:
    """`python -m convff` puts the current folder first on the path."""
    (tmp_path / "experiments").mkdir()
    (tmp_path / "experiments" / "__init__.py").touch()
    program = [sys.executable, "-m", "convff", "doctor"]
    environment = {"PYTHONPATH": str(ROOT), "PATH": ""}
    done = subprocess.run(program, capture_output=True, text=True, cwd=tmp_path, env=environment, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: `experiments` is {tmp_path / 'experiments' / '__init__.py'}, not convff's")


@pytest.mark.parametrize(
    ("size", "side"), [((8, 8), 8), ((20, 30), 16), ((100, 64), 64), ((5000, 1000), 448), ((5, 9), 8)]
)
def test_maps_lie_over_the_picture_at_its_own_size(size: tuple[int, int], side: int, tmp_path: Path) -> None:
    file = tmp_path / "picture.png"
    Image.effect_noise(size, 50).convert("RGB").save(file)
    finer, seen = finest(file, (3, 8, 8)), read_picture(file, (3, 8, 8))
    assert finer.shape == (3, side, side)
    if side == 8:
        assert torch.equal(finer, seen)
    else:  # the same part of the picture: its means are what the network sees, but for the filter of the resizing
        means = torch.nn.functional.adaptive_avg_pool2d(finer.float(), 8)
        assert (means - seen).abs().mean() < 12
