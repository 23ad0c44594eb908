"""A run that is killed at random moments and resumed equals one that was left alone, to the bit."""

import csv
import json
import multiprocessing
import os
import random
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from convff import TrainingState
from experiments.config.settings import Settings, SettingsError
from experiments.rejudge import rejudge
from experiments.run.evaluate import Evaluator
from experiments.run.resume import resumed_settings
from experiments.run.saved import SavedStates
from experiments.run.torchrun import start_processes
from experiments.run.train import main
from tests.trust.report import report

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="processes cannot be forked here")

FEW, LONG = 3, {"epochs": 10}
TIMES = ("images_per_second", "seconds")
SMALL = {
    "dataset": "digits",
    "preset": "smoke",
    "device": "cpu",
    "precision": "float32",
    "train_images": 300,
    "batch_size": 32,
    "epochs": 3,
    "width": 10,
}
RUNS: dict[str, dict[str, Any]] = {
    "ff": {"rule": "ff", "labels": "fourier"},
    "hebbff": {"rule": "hebbff", "labels": "morph"},
    "output": {"rule": "ff", "label_at": "output"},
    "local_head": {"rule": "local_head"},
    "ghl": {"rule": "ghl", "model": "deephebb"},
    "bp": {"rule": "bp"},
    "learned": {"rule": "ff", "labels": "learned"},
    "greedy": {"rule": "ff", "label_at": "output", "order": "one_by_one", "epochs": 1, "repeats": 2, "redraw": False},
    "stabilised": {"rule": "hebbff", "labels": "fourier", "stabilise": ("bcm", "weight_norm"), "epochs": 2},
}


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Equal bits need equal threads: the forked runs have one."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def settings(name: str, out: Path, **changes: Any) -> Settings:
    return Settings(**(SMALL | RUNS[name] | {"out": out, "report": False} | changes))


def _quiet(asked: Settings) -> None:
    """Run in a process of its own, which a signal may end at any moment."""
    with open(os.devnull, "w") as nowhere:
        sys.stdout = sys.stderr = nowhere
        torch.set_num_threads(1)
        main(asked)


def start(asked: Settings) -> Any:
    """A run in a forked process: all modules are imported already."""
    process = multiprocessing.get_context("fork").Process(target=_quiet, args=(asked,))
    process.start()
    return process


def only_run(out: Path) -> Path | None:
    """The run folder, once it has its settings."""
    folders = [folder for folder in out.iterdir() if (folder / "settings.json").exists()] if out.exists() else []
    assert len(folders) <= 1
    return folders[0] if folders else None


def killed_and_resumed(asked: Settings, kills: int, moments: random.Random, longest: float) -> tuple[Path, int]:
    """Kill the run at random moments, resume it each time, and let it end; the folder, and the kills that hit."""
    hit = 0
    for _ in range(kills):
        folder = only_run(asked.out)
        if folder is not None and (folder / "results.json").exists():
            break
        done = 0 if folder is None or not (folder / "metrics.csv").exists() else len(rows(folder))
        process = start(asked if folder is None else Settings(resume=folder))
        left = longest * max(0.1, 1 - done / (asked.epochs or 1))
        time.sleep(moments.uniform(0.03, 0.25) * left)  # early enough to hit
        hit += process.is_alive()
        process.kill()
        process.join()
        process.close()
        for half in asked.out.glob("*") if asked.out.exists() else []:
            if not (half / "settings.json").exists():  # killed before there was anything to resume
                half.rename(asked.out.parent / f"half-{time.monotonic_ns()}")
    folder = only_run(asked.out)
    if folder is None or not (folder / "results.json").exists():
        process = start(asked if folder is None else Settings(resume=folder))
        process.join()
        assert process.exitcode == 0
    folder = only_run(asked.out)
    assert folder is not None
    return folder, hit


def rows(folder: Path) -> list[dict[str, str]]:
    """The rows of `metrics.csv` as text, without times."""
    with (folder / "metrics.csv").open(newline="", encoding="utf-8") as file:
        return [{name: value for name, value in row.items() if name not in TIMES} for row in csv.DictReader(file)]


def differences(one: Path, other: Path) -> list[str]:
    """What differs between two run folders, in names."""
    found = [] if rows(one) == rows(other) else ["metrics.csv"]
    for name in ("checkpoint.safetensors", "best.safetensors"):
        first, second = (load_file(folder / name) for folder in (one, other))
        found += [] if first.keys() == second.keys() else [f"names in {name}"]
        found += [f"{name}: {key}" for key in first if not torch.equal(first[key], second[key])]
    results = [json.loads((folder / "results.json").read_text()) for folder in (one, other)]
    found += [key for key in ("accuracy", "control", "per_layer", "findings") if results[0][key] != results[1][key]]
    return found


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, float]]:
    """Runs that are left alone, made when they are asked for: the folder, and how long it took."""
    made: dict[str, tuple[Path, float]] = {}

    class Made(dict):  # type: ignore[type-arg]
        def __missing__(self, name: str) -> tuple[Path, float]:
            out = tmp_path_factory.mktemp(name.replace(" ", "-"))
            begin = time.monotonic()
            rule, _, long = name.partition(" ")
            process = start(settings(rule, out, **(LONG if long else {})))
            process.join()
            assert process.exitcode == 0
            folder = only_run(out)
            assert folder is not None
            self[name] = (folder, time.monotonic() - begin)
            return self[name]

    return Made(made)


@pytest.mark.parametrize(
    ("name", "kills"),
    [("output", FEW), *[pytest.param(name, 10, marks=pytest.mark.slow) for name in RUNS]],
)
def test_a_killed_run_ends_as_one_that_was_left_alone(
    name: str, kills: int, straight: dict[str, tuple[Path, float]], tmp_path: Path
) -> None:
    long = kills > FEW
    wanted, seconds = straight[f"{name} long" if long else name]
    asked = settings(name, tmp_path / "runs", **(LONG if long else {}))
    folder, hit = killed_and_resumed(asked, kills, random.Random(name), seconds)
    different = differences(wanted, folder)
    report(f"exact resume after kill -9, {name}", "0 differences", f"{len(different)} after {hit} kills")
    assert different == []
    assert hit > 0


@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.slow)])
def test_a_signal_ends_a_run_with_its_code_and_a_state(
    number: int, straight: dict[str, tuple[Path, float]], tmp_path: Path
) -> None:
    wanted, _ = straight["output"]
    process = start(settings("output", tmp_path))
    while not any(tmp_path.glob("*/metrics.csv")):
        assert process.is_alive()
        time.sleep(0.01)
    begin = time.monotonic()
    os.kill(process.pid, number)
    process.join()
    seconds = time.monotonic() - begin
    report(f"{signal.Signals(number).name} in training", "exit in 5 s", f"{seconds:.2f} s, code {process.exitcode}")
    assert process.exitcode == 128 + number
    assert seconds < 5
    folder = only_run(tmp_path)
    assert folder is not None
    main(Settings(resume=folder))
    assert differences(wanted, folder) == []


def test_a_signal_while_a_run_is_judged_loses_nothing(
    straight: dict[str, tuple[Path, float]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    wanted, _ = straight["output"]
    with monkeypatch.context() as patched:
        control = Evaluator.control

        def stopped(self: Evaluator, *given: Any) -> float:
            os.kill(os.getpid(), signal.SIGTERM)
            return control(self, *given)

        patched.setattr(Evaluator, "control", stopped)
        with pytest.raises(SystemExit) as ended:
            main(settings("output", tmp_path))
    folder = only_run(tmp_path)
    assert folder is not None
    assert ended.value.code == 128 + signal.SIGTERM
    assert f"stopped by SIGTERM after the training; judge it by --resume {folder}" in capsys.readouterr().err
    assert not (folder / "results.json").exists()
    main(Settings(resume=folder))
    assert differences(wanted, folder) == []


def test_a_damaged_state_is_told_and_the_one_before_is_used(
    straight: dict[str, tuple[Path, float]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted, _ = straight["output"]
    process = start(settings("output", tmp_path))
    while len(list(tmp_path.glob("*/training/previous.safetensors"))) == 0 or not any(tmp_path.glob("*/metrics.csv")):
        time.sleep(0.01)
    process.kill()
    process.join()
    folder = only_run(tmp_path)
    assert folder is not None
    last = SavedStates(folder).last
    payload = bytearray(last.read_bytes())
    payload[-1] ^= 1
    last.write_bytes(bytes(payload))
    main(Settings(resume=folder))
    assert f"note: {last}" in capsys.readouterr().out
    assert differences(wanted, folder) == []


def _interrupted(out: Path) -> Path:
    """A run that was stopped after its first epoch."""
    process = start(settings("output", out))
    while not any(out.glob("*/metrics.csv")):
        time.sleep(0.01)
    process.terminate()
    process.join()
    folder = only_run(out)
    assert folder is not None
    return folder


def test_what_is_not_the_runs_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = _interrupted(tmp_path)
    about = json.loads((folder / "settings.json").read_text())
    for change, message in (
        ({"batch_size": 16}, "recipe batch_size must be 32 as in the run, got 16"),
        ({"train_images": 200}, "recipe train_images must be 300 as in the run, got 200"),
        ({"dataset": "stand_in"}, "data train must be"),
        ({"seed": 5}, "of a training with"),
    ):
        changed = about | {"settings": about["settings"] | change}
        (folder / "settings.json").write_text(json.dumps(changed))
        with pytest.raises(SystemExit) as ended:
            main(Settings(resume=folder))
        assert ended.value.code == 2
        error = capsys.readouterr().err
        assert message in error, error
    (folder / "settings.json").write_text(json.dumps(about))
    states = SavedStates(folder)
    state, _ = states.load()
    assert isinstance(state, TrainingState)
    for path in (states.last, states.previous):
        path.write_bytes(b"nothing")
    with pytest.raises(SettingsError, match=r"no whole state of its training .*last.safetensors.*previous.safetensors"):
        states.load()


@pytest.mark.slow
def test_a_finished_run_is_trained_on_only_to_more_epochs(
    straight: dict[str, tuple[Path, float]], tmp_path: Path
) -> None:
    process = start(settings("output", tmp_path, epochs=2))
    process.join()
    folder = only_run(tmp_path)
    assert folder is not None
    for epochs in (None, 2, 1):
        with pytest.raises(SettingsError, match="--epochs"):
            resumed_settings(Settings(resume=folder, epochs=epochs))
    asked = resumed_settings(replace(Settings(resume=folder, epochs=3)))
    assert (asked.epochs, asked.seeds, asked.out) == (3, 1, tmp_path)
    main(Settings(resume=folder, epochs=3))
    assert [row["epoch"] for row in rows(folder)] == ["1", "2", "3"]
    assert (folder / "results-2-epochs.json").exists()
    about = json.loads((folder / "settings.json").read_text())
    assert about["recipe"]["epochs"] == 3
    assert [each["at"] for each in about["resumed"]] == ["epoch 3, before its first step"]


def test_a_run_is_judged_again_by_its_own_images_alone(straight: dict[str, tuple[Path, float]], tmp_path: Path) -> None:
    folder = Path(shutil.copytree(straight["output"][0], tmp_path / "copy"))
    results = json.loads((folder / "results.json").read_text())
    assert rejudge(folder)["accuracy"] == results["accuracy"]
    assert set(results["data"]) == {"train", "test"}
    (folder / "results.json").write_text(json.dumps(results | {"data": results["data"] | {"test": "0" * 64}}))
    with pytest.raises(SettingsError, match="the images must be those of the run, but their digests differ"):
        rejudge(folder)


def test_a_run_of_an_earlier_version_goes_on(straight: dict[str, tuple[Path, float]], tmp_path: Path) -> None:
    """Numbers that recipes did not have then were, in effect, at their defaults."""
    wanted, _ = straight["output"]
    folder = _interrupted(tmp_path)
    states = SavedStates(folder)
    state, _ = states.load()
    for name in ("order", "repeats", "readout_l2"):
        del state.notes["recipe"][name]
    states.save(state)
    main(Settings(resume=folder))
    assert differences(wanted, folder) == []


def test_a_run_folder_without_settings_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"there is no settings.json"):
        resumed_settings(Settings(resume=tmp_path))
    (tmp_path / "settings.json").write_text("[1, 2]")
    with pytest.raises(SettingsError, match=r"was not written by a run"):
        resumed_settings(Settings(resume=tmp_path))


@pytest.mark.slow
def test_a_run_of_two_processes_is_resumed_by_one(tmp_path: Path) -> None:
    """The data plan is the same; what differs is the order of sums."""
    options = {"rule": "hebbff", "labels": "fourier", "train_images": 256}
    given = settings("hebbff", tmp_path / "straight", **options)
    process = start(given)
    arguments = ["experiments/cifar10.py", "--no-report", "--out", str(tmp_path / "two")]
    for name, value in (SMALL | options).items():
        arguments += [f"--{name.replace('_', '-')}", str(value)]
    two = start_processes(arguments, 2)
    while not any((tmp_path / "two").glob("*/metrics.csv")):
        assert all(each.poll() is None for each in two)
        time.sleep(0.01)
    for each in two:
        each.kill()
        each.wait()
    folder = only_run(tmp_path / "two")
    assert folder is not None
    main(Settings(resume=folder))
    process.join()
    wanted = only_run(tmp_path / "straight")
    assert wanted is not None
    first, second = (load_file(each / "checkpoint.safetensors") for each in (wanted, folder))
    largest = max((first[key].float() - second[key].float()).abs().max().item() for key in first if "net." in key)
    report("two processes, resumed by one", "rounding", f"weights differ by {largest:.1e} at most")
    assert 0 <= largest < 1e-3
    assert [row["epoch"] for row in rows(folder)] == ["1", "2", "3"]
