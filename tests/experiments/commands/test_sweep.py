"""`convff sweep`: any setting is searched, on validation images alone."""

import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from torch import OutOfMemoryError

from convff import OneProcess
from experiments.commands import entry, sweep, train
from experiments.config.presets import recipe_for
from experiments.config.settings import Settings, SettingsError
from experiments.config.sweep import NOT_SEARCHED, dimensions
from experiments.run import data, trials

pytest.importorskip("optuna")

SMALL = ("digits", "--preset", "smoke", "--train-images", "200", "--widths", "20", "20", "--precision", "float32")
OVER = ("--over", "lr=0.001..0.1", "label_at=output,blocks", "batch-size=16..64")


def convff(*arguments: object) -> int:
    return entry.main([str(argument) for argument in arguments])


def parsed(*arguments: object) -> sweep.Sweep:
    return sweep.parse([str(each) for each in arguments], "convff sweep")


def instead(monkeypatch: pytest.MonkeyPatch, *of_trials: list[float] | BaseException) -> list[Any]:
    """Instead of training: what the trials reach after each epoch, or raise; returns their parts."""
    left, seen = iter(of_trials), list[Any]()

    def training_of(parts: Any, judged_images: int | None) -> tuple[int, Iterator[float]]:
        seen.append(parts)
        accuracies = next(left)
        if isinstance(accuracies, BaseException):
            return 2, _raising(accuracies)
        return len(accuracies), iter(accuracies)

    monkeypatch.setattr(trials, "training_of", training_of)
    return seen


def _raising(error: BaseException) -> Iterator[float]:
    raise error
    yield


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
    ("others", "accuracies", "epochs"),
    [
        ([], [0.5, 0.6, 0.7, 0.8], 4),  # of two classes, after few steps in the first epochs
        ([], [0.5, 0.5, 0.9, 0.9], 2),  # nothing by half of the epochs
        ([0.6, 0.7, 0.8, 0.9], [0.6, 0.9, 0.9, 0.9], 1),  # worse than most
    ],
)
def test_a_trial_is_cut_off_if_it_has_learnt_nothing_by_half_or_is_worse_than_most(
    others: list[float], accuracies: list[float], epochs: int
) -> None:
    study = pytest.importorskip("optuna").create_study(direction="maximize")
    left, least = iter([*([each] * 4 for each in others), accuracies]), trials.least_accuracy(2)
    trials.run_missing(
        study, lambda trial: trials.judged_trial(trial, iter(next(left)), 4, "", least=least), len(others) + 1, seed=0
    )
    assert [len(trial.intermediate_values) for trial in study.trials] == [4] * len(others) + [epochs]


@pytest.mark.parametrize(
    ("options", "compared"),
    [
        (("--over", "lr=0.001..0.1"), True),
        (("--over", "lr=0.001..0.1", "--order", "one_by_one"), False),
        (("--over", "order=together,one_by_one"), False),
        (("--over", "epochs=1..4"), False),
        (("--over", "lr=0.001..0.1", "preset=smoke,long"), False),  # which have other numbers of epochs
        (("--over", "lr=0.001..0.1", "preset=smoke,long", "--epochs", "2"), True),
    ],
)
def test_only_trials_of_one_length_whose_blocks_learn_together_are_compared_epoch_by_epoch(
    options: tuple[str, ...], compared: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = list[bool]()
    monkeypatch.setattr(trials, "run_missing", lambda *_, prune: seen.append(prune))
    with pytest.raises(SettingsError, match="no trial of"):
        parsed(*SMALL, *options, "--out", tmp_path)()
    assert seen == [compared]


def test_blocks_that_learn_one_after_another_may_know_nothing_until_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    instead(monkeypatch, [0.1, 0.1, 0.1, 0.9])
    asked = (*SMALL, "--over", "lr=0.001..0.1", "--trials", 1, "--out", tmp_path)
    assert parsed(*asked, "--order", "one_by_one")()["accuracy"] == 0.9
    instead(monkeypatch, [0.1, 0.1, 0.1, 0.9])
    with pytest.raises(SettingsError, match="no trial of"):
        parsed(*asked)()


@pytest.mark.parametrize("error", [OutOfMemoryError("a step must fit"), MemoryError("no memory")])
def test_a_trial_that_does_not_fit_in_memory_is_refused_and_the_others_go_on(
    error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    instead(monkeypatch, [0.5], error, [0.6])
    found = parsed(*SMALL, *OVER, "--trials", 3, "--out", tmp_path)()
    assert [trial.get("refused") for trial in found["trials"]] == [None, str(error), None]


def test_an_interrupted_first_trial_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = instead(monkeypatch, KeyboardInterrupt(), [0.5], [0.6], [0.4])
    with pytest.raises(KeyboardInterrupt):
        parsed(*SMALL, *OVER, "--trials", 2, "--out", tmp_path)()
    found = parsed(*SMALL, *OVER, "--trials", 2, "--out", tmp_path)()
    first, preset = found["trials"][0], recipe_for(parsed(*SMALL, *OVER).base)
    assert first["lr"] == preset.lr == seen[0].recipe.lr
    more = parsed(*SMALL, *OVER, "--trials", 3, "--out", tmp_path)()
    assert len({trial["lr"] for trial in more["trials"]}) == 3


def test_a_trial_that_fails_is_not_drawn_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = instead(monkeypatch, [0.5], *[RuntimeError("a fault")] * 2, [0.6])
    asked = parsed(*SMALL, *OVER, "--trials", 2, "--out", tmp_path)
    for _ in range(2):
        with pytest.raises(RuntimeError, match="a fault"):
            asked()
    assert asked()["accuracy"] == 0.6
    assert len({parts.recipe.lr for parts in seen}) == 4


@pytest.mark.parametrize("name", ["a?b", "a%20b", "a{b}", "a}b"])
def test_a_place_that_the_address_of_a_database_cannot_name_is_refused(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    instead(monkeypatch)
    with pytest.raises(SystemExit) as end:
        convff("sweep", *SMALL, *OVER, "--out", tmp_path / name)
    assert end.value.code == 2
    assert "the database of the trials cannot have" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["50%", "a b", "#ü"])
def test_other_places_are_used(name: str, tmp_path: Path) -> None:
    trials.open_study(tmp_path / name / "sweeps.db", "a sweep")
    assert sorted(file.name for file in tmp_path.rglob("*") if file.suffix == ".db") == ["sweeps.db"]
    assert (tmp_path / name / "sweeps.db").is_file()


def test_no_setting_that_says_which_images_are_read_is_searched(monkeypatch: pytest.MonkeyPatch) -> None:
    """All trials share the images, so a value of such a setting would change nothing."""
    read = set[str]()

    class Watched:
        def __getattr__(self, name: str) -> Any:
            read.add(name)
            return getattr(Settings(image_size=(32,)), name)

    monkeypatch.setattr(data, "load_dataset", lambda *_, **__: None)
    data.load(Watched(), OneProcess())  # type: ignore[arg-type]
    assert {"dataset", "image_size"} < read <= NOT_SEARCHED.keys()


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
        (("--over", "image_size=32,64"), "image_size cannot be searched: all trials share the data"),
        (("--over", "on_bad_image=stop,skip"), "on_bad_image cannot be searched: all trials share the data"),
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
