"""`convff train` and `convff completion`."""

import json
import shlex
import subprocess
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from experiments.commands import COMMANDS, entry, train
from experiments.config.differences import differences
from experiments.config.earlier import changed_presets
from experiments.config.presets import recipe_for
from experiments.config.settings import Settings
from experiments.config.written import command_of


def convff(*arguments: object) -> int:
    return entry.main([str(argument) for argument in arguments])


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Settings]:
    """The settings that runs would get."""
    from experiments.run import train as runs

    found: list[Settings] = []
    monkeypatch.setattr(runs, "main", found.append)
    return found


def earlier(folder: Path, settings: Settings, **preset: Any) -> Path:
    """Write the settings of a run as a run does; `preset` is what its preset had otherwise at that time."""
    now = asdict(recipe_for(settings)) | preset
    about = {"settings": settings.as_json(), "recipe": now | {"augment": "fitted to the images"}, "preset": now}
    (folder / "settings.json").write_text(json.dumps(about))
    return folder


def test_a_known_data_set(asked: list[Settings]) -> None:
    assert convff("train", "fashion-mnist", "--rule", "hebbff", "--seeds", 2) == 0
    assert asked == [Settings(dataset="fashion_mnist", rule="hebbff", seeds=2, label_at="output")]


def test_a_folder_or_an_archive_of_images(asked: list[Settings], tmp_path: Path) -> None:
    archive = tmp_path / "photos.zip"
    archive.touch()
    for part in ("train", "test"):
        (tmp_path / part / "cat").mkdir(parents=True)
    for place in (tmp_path, archive):
        convff("train", place, "--labels", "morph")
        assert asked.pop() == Settings(dataset="folder", data_dir=place, labels="morph")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "DATA is missing: mnist, "),
        (("nothing",), "DATA must be mnist, "),
        ((".", "--data-dir", "."), "--data-dir . cannot be used with DATA ., which says where the images are"),
        (("mnist", "--config", "none"), "--config none: there is no file none"),
        (("mnist", "--config", "broken.json"), "--config broken.json: broken.json was not written by a run"),
        (("mnist", "--resume", "run"), "--resume takes the settings of the run, so DATA cannot be given"),
        (("--config", "run", "--resume", "run"), "--resume takes the settings of the run, so --config cannot be given"),
        (("mnist", "--lr", "-1"), "--lr must be"),
    ],
)
def test_faults_are_said_before_anything_is_read(
    arguments: tuple[str, ...],
    message: str,
    asked: list[Settings],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("run").mkdir()
    earlier(Path("run"), Settings())
    Path("broken.json").write_text("[]")
    with pytest.raises(SystemExit) as end:
        convff("train", *arguments)
    assert end.value.code == 2
    assert f"error: {message}" in capsys.readouterr().err
    assert asked == []


@pytest.mark.parametrize("place", ["image", "output"])
def test_an_earlier_run_is_repeated(
    place: Any, asked: list[Settings], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = Settings(dataset="mnist", label_at=place, lr=0.5, stabilise=("peer",), seed=4)
    run = earlier(tmp_path, before)
    for config in (("--config", run), (f"--config={run / 'settings.json'}",)):
        convff("train", *config)
        assert asked.pop() == before
        assert capsys.readouterr().err == "as the earlier run\n"


def test_only_what_differs_from_the_earlier_run_is_printed(
    asked: list[Settings], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = earlier(tmp_path, Settings(dataset="mnist", label_at="output"))
    convff("train", "--config", run, "--rule", "hebbff", "--seeds", 3)
    assert asked == [Settings(dataset="mnist", label_at="output", rule="hebbff", seeds=3)]
    assert capsys.readouterr().err == "as the earlier run, but for rule: ff -> hebbff; seeds: 1 -> 3\n"


def test_an_earlier_run_is_repeated_on_other_images(
    asked: list[Settings], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the images of the earlier run are is no option that was given."""
    monkeypatch.chdir(tmp_path)
    for name in ("photos", "other"):
        for kind in ("cat", "dog"):
            (tmp_path / name / kind).mkdir(parents=True)
    own = Settings(dataset="folder", data_dir=Path("photos"), image_size=(32,), on_bad_image="skip", label_at="output")
    run = earlier(tmp_path, own)
    convff("train", "other", "--config", run, "--seed", 1)
    assert asked.pop() == replace(own, data_dir=Path("other"), seed=1)
    convff("train", "mnist", "--config", run)
    assert asked.pop() == Settings(dataset="mnist", label_at="output")
    convff("train", "mnist", "--config", run, "--data-dir", "other")
    assert asked.pop() == Settings(dataset="mnist", data_dir=Path("other"), label_at="output")
    with pytest.raises(SystemExit):
        convff("train", "mnist", "--config", run, "--image-size", 64)
    with pytest.raises(SystemExit):
        convff("train", "other", "--config", run, "--data-dir", "elsewhere")
    assert asked == []


def test_known_data_sets_may_lie_in_one_folder(asked: list[Settings], tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        (tmp_path / "photos" / name).mkdir(parents=True)
    run = earlier(tmp_path, Settings(dataset="mnist", data_dir=tmp_path))
    for name in ("mnist", "cifar10"):
        convff("train", name, "--config", run)
        assert asked.pop() == Settings(dataset=name, data_dir=tmp_path)  # type: ignore[arg-type]
    convff("train", tmp_path / "photos", "--config", run)
    assert asked.pop() == Settings(dataset="folder", data_dir=tmp_path / "photos")


def test_a_preset_that_has_changed_since_is_named(
    asked: list[Settings], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = Settings(dataset="mnist")
    now = recipe_for(settings)
    run = earlier(tmp_path, settings, epochs=now.epochs + 7, gone=1)
    convff("train", "--config", run)
    note = f"note: its preset has changed since: epochs: {now.epochs + 7} -> {now.epochs}\n"
    assert capsys.readouterr().err.endswith(note)
    assert changed_presets(settings, {"epochs": now.epochs}) == []


def test_code_of_an_earlier_run_needs_consent(
    asked: list[Settings], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever made the run folder chose the file."""
    mine = tmp_path / "mine.py"
    mine.write_text("raise SystemExit('its code was run')\n\n\nclass Rule:\n    pass\n")
    run = earlier(tmp_path, Settings(dataset="digits"))
    about = json.loads((run / "settings.json").read_text())
    about["settings"]["rule"] = f"{mine}:Rule"
    (run / "settings.json").write_text(json.dumps(about))
    with pytest.raises(SystemExit):
        convff("train", "--config", run)
    assert "mine.py, whose code would be run: set CONVFF_OWN_FILES=1 if you trust it" in capsys.readouterr().err
    convff("train", "--config", run, "--rule", "ff")  # nothing of the folder's is run
    monkeypatch.setenv("CONVFF_OWN_FILES", "1")
    convff("train", "--config", run)
    assert [settings.rule for settings in asked] == ["ff", f"{mine}:Rule"]


def test_a_recipe_that_the_data_changed_is_no_change_of_the_preset(
    asked: list[Settings], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Few photographs are mirrored, shifted and seen more often than the preset says."""
    from experiments.run.parts import prepare
    from experiments.run.resume import settings_file

    draw = np.random.default_rng(0)
    for kind in ("cat", "dog"):
        (tmp_path / "photos" / kind).mkdir(parents=True)
        for number in range(10):
            noise = Image.fromarray(draw.integers(256, size=(16, 16)).astype(np.uint8))
            noise.save(tmp_path / "photos" / kind / f"{number}.png")
    convff("train", tmp_path / "photos", "--image-size", 8, "--model", "cnn3")
    settings = asked.pop()
    parts = prepare(settings)
    now = recipe_for(settings)
    assert parts.recipe != now
    about = settings_file(parts, SimpleNamespace(labels_at_start={}), None)  # type: ignore[arg-type]
    capsys.readouterr()
    for preset, said in ((about["preset"], ""), (about["preset"] | {"epochs": now.epochs + 1}, "epochs")):
        (tmp_path / "settings.json").write_text(json.dumps(about | {"preset": preset}))
        convff("train", "--config", tmp_path)
        assert asked.pop() == settings
        assert ("its preset has changed since" in (err := capsys.readouterr().err)) == bool(said)
        assert said in err


def test_every_setting_can_differ() -> None:
    found = differences(Settings(), Settings(widths=(1, 2), out=Path("elsewhere")), aside=())
    assert [str(each) for each in found] == ["widths: default -> 1 2", "out: runs -> elsewhere"]


@pytest.mark.parametrize(
    "settings",
    [
        Settings(),
        Settings(labels="morph", rule="hebbff", stabilise=("peer", "weight_norm")),
        Settings(label_at="output", lr=0.5, seeds=3, evaluate_on="validation"),
        Settings(label_at="stream"),
        Settings(label_at="nowhere"),
        Settings(rule="local_head", epochs=3),
        Settings(rule="softhebb"),
        Settings(rule="bp", model="resnet_he", depth=8),
        Settings(net="hinton", dataset="mnist", labels="onehot"),
        Settings(preset="paper", inference=("goodness", "linear")),
        Settings(dataset="digits", model="cnn6", skip=True, compile=True, pool_after=(), redraw=False),
    ],
    ids=command_of,
)
def test_the_command_of_a_run_leads_to_its_settings(settings: Settings) -> None:
    command = command_of(settings)
    assert command is not None
    assert train.parse(shlex.split(command)[2:], "convff train") == settings


def test_the_help_is_that_of_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        convff("train", "--help")
    assert end.value.code == 0
    said = capsys.readouterr().out
    assert "usage: convff train" in said
    assert "--config" in said
    assert (train.__doc__ or "").split("\n", 1)[0] in said


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_a_shell_completes_commands_and_options(shell: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert convff("completion", shell) == 0
    script = capsys.readouterr().out
    assert all(name in script for name in COMMANDS)
    assert "on-bad-image" in script
    if shell == "bash":
        (tmp_path / "script").write_text(script)
        subprocess.run(["bash", "-n", tmp_path / "script"], check=True)
