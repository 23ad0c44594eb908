"""`convff sweep`: any setting is searched, on validation images alone."""

import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from experiments.commands import entry, sweep, train
from experiments.config.sweep import NOT_SEARCHED, dimensions
from experiments.run import trials

pytest.importorskip("optuna")

SMALL = ("digits", "--preset", "smoke", "--train-images", "200", "--widths", "20", "20", "--precision", "float32")
OVER = ("--over", "lr=0.001..0.1", "label_at=output,blocks", "batch-size=16..64")


def convff(*arguments: object) -> int:
    return entry.main([str(argument) for argument in arguments])


def parsed(*arguments: object) -> sweep.Sweep:
    return sweep.parse([str(each) for each in arguments], "convff sweep")


def instead(monkeypatch: pytest.MonkeyPatch, *of_trials: list[float]) -> list[Any]:
    """Instead of training: what the trials reach after each epoch; returns their parts."""
    left, seen = iter(of_trials), list[Any]()

    def training_of(parts: Any, judged_images: int | None) -> tuple[int, Iterator[float]]:
        seen.append(parts)
        accuracies = next(left)
        return len(accuracies), iter(accuracies)

    monkeypatch.setattr(trials, "training_of", training_of)
    return seen


def test_a_sweep_trains_and_names_the_best(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = (*SMALL, *OVER, "--trials", 2, "--judged-images", 50, "--out", tmp_path)
    assert convff("sweep", *asked) == 0
    said = capsys.readouterr().out
    (file,) = tmp_path.glob("sweep-*.json")
    found = json.loads(file.read_text())
    assert len(found["trials"]) == 2
    assert found["judged_on"] == "50 validation images"
    assert found["accuracy"] == max(trial["accuracy"] for trial in found["trials"]) > 0.2
    assert found["train"] in said
    settings = train.parse(shlex.split(found["train"])[2:], "convff train")
    assert settings.evaluate_on == "test"
    assert settings.lr == found["best"]["lr"]
    assert settings.label_at == found["best"]["label_at"]
    again = parsed(*shlex.split(found["command"])[2:])
    assert again.name == parsed(*asked).name
    assert again.trials == 2


def test_the_same_command_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = instead(monkeypatch, [0.4, 0.5], [0.3, 0.6], [0.2, 0.4])
    first = parsed(*SMALL, *OVER, "--trials", 2, "--out", tmp_path)()
    more = parsed(*SMALL, *OVER, "--trials", 3, "--out", tmp_path)()
    assert more["trials"][:2] == first["trials"]
    assert [trial["accuracy"] for trial in more["trials"]] == [0.5, 0.6, 0.4]
    assert more["best"] == {name: first["trials"][1][name] for name in ("lr", "label_at", "batch_size")}
    assert len(seen) == 3
    assert parsed(*SMALL, *OVER, "--trials", 3, "--out", tmp_path)() == more


def test_the_first_trial_is_the_presets_and_all_values_reach_the_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = instead(monkeypatch, *[[0.5]] * 3)
    over = ("--over", "lr=0.001..0.1", "label_at=output,blocks", "widths=20 20,30 30", "skip=yes,no")
    found = parsed(*SMALL, *over, "--trials", 3, "--out", tmp_path)()
    preset = parsed(*SMALL, *over, "--out", tmp_path).base
    from experiments.config.presets import recipe_for

    first = found["trials"][0]
    assert first["lr"] == recipe_for(preset).lr
    assert (first["label_at"], first["widths"], first["skip"]) == ("output", "20 20", "no")
    for trial, parts in zip(found["trials"], seen, strict=True):
        assert parts.settings.label_at == trial["label_at"]
        assert parts.recipe.lr == trial["lr"]
        assert parts.settings.skip == (trial["skip"] == "yes")
        assert parts.settings.widths == tuple(map(int, trial["widths"].split()))


def test_a_sweep_never_sees_a_test_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = instead(monkeypatch, [0.5])
    parsed(*SMALL, *OVER, "--trials", 1, "--out", tmp_path)()
    (parts,) = seen
    assert parts.settings.evaluate_on == "validation"
    assert parts.settings.require_data
    train_images = {image.numpy().tobytes() for image in parts.dataset.train.images}
    assert all(image.numpy().tobytes() in train_images for image in parts.judged.images)
    learnt_from = {image.numpy().tobytes() for image in parts.train.images}
    assert not any(image.numpy().tobytes() in learnt_from for image in parts.judged.images)


def test_a_combination_that_cannot_be_run_is_refused_and_the_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    instead(monkeypatch, *[[0.5]] * 8)
    over = ("--over", "gate=threshold,softmax", "theta=default,0.5")
    found = parsed(*SMALL, *over, "--trials", 8, "--out", tmp_path)()
    refused = [trial for trial in found["trials"] if "refused" in trial]
    assert 0 < len(refused) < 8
    assert all((trial["gate"], trial["theta"]) == ("softmax", "0.5") for trial in refused)
    assert all((trial["accuracy"], trial["epochs"]) == (None, 0) for trial in refused)
    assert "refused with gate softmax, theta 0.5: --theta 0.5 cannot be used with --gate softmax" in (
        capsys.readouterr().out
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "--over must name at least one setting, as in"),
        (("--over", "lr"), "--over lr: it must name at least two different values, as in lr=0.1..1"),
        (("--over", "lr=0.1"), "--over lr=0.1: it must name at least two different values"),
        (("--over", "lr=1..0.1"), "--over lr=1..0.1: a range must be LOW..HIGH, from a lower to a higher number"),
        (("--over", "lr=a..b"), "--over lr=a..b: could not convert string to float: 'a'"),
        (("--over", "epochs=1.5..2"), "--over epochs=1.5..2: invalid literal for int"),
        (("--over", "epoch=1..2"), "--over epoch=1..2: there is no setting epoch; did you mean epochs?"),
        (("--over", "gate=soft,symmetric"), "--over gate=soft,symmetric: gate soft is unknown"),
        (("--over", "label_at=output,there"), "--over label_at=output,there: must be one of image, "),
        (("--over", "skip=yes,maybe"), "--over skip=yes,maybe: must be yes or no, got maybe"),
        (("--over", "lr=1..2", "lr=3..4"), "--over must name each setting once, got lr lr"),
        (("--over", "lr=-2..-1"), "--lr must be positive and finite, got -2.0"),
        (("--over", "theta=0.1..1", "--gate", "softmax"), "cannot be used with --gate softmax"),
        (("--over", "lr=1..2", "--trials", "0"), "--trials must be at least 1, got 0"),
        (("--over", "lr=1..2", "--judged-images", "0"), "--judged-images must be at least 1, got 0"),
        (("--over", "lr=1..2", "--seeds", "2"), "--seeds 2 cannot be used"),
        (("--resume", "run"), "--resume cannot be used: the same command continues a sweep"),
        (("--over", "lr=1..2", "--evaluate-on", "test"), "evaluate-on"),
    ],
)
def test_faults_are_said_before_anything_is_trained(
    arguments: tuple[str, ...],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(trials, "training_of", lambda *_: pytest.fail("something is trained"))
    with pytest.raises(SystemExit) as end:
        convff("sweep", "digits", *arguments)
    assert end.value.code == 2
    assert message in " ".join(capsys.readouterr().err.split())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", NOT_SEARCHED)
def test_what_is_no_part_of_a_method_is_not_searched(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} cannot be searched: "):
        dimensions([f"{name}=1,2"])


def test_without_optuna_it_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "optuna", None)
    with pytest.raises(SystemExit):
        convff("sweep", *SMALL, *OVER, "--out", tmp_path)
    assert 'pip install -e ".[search]"' in capsys.readouterr().err
