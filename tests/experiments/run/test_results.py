"""What a run says about itself: means over seeds, versions, commit, memory; and what its absence must not cost."""

import io
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import convff
from experiments.config.settings import Settings
from experiments.run import train
from experiments.run.folder import new_file
from experiments.run.results import Results, seed_summary
from experiments.run.train import main
from experiments.tools import machine


def results(**changes: object) -> Results:
    base: dict[str, object] = dict.fromkeys(
        (
            *("dataset", "is_stand_in", "judged_on", "labels", "label_selection", "rule", "preset", "hardware"),
            *("images_per_second", "peak_memory_mib", "per_layer", "label_only_probe", "git_commit"),
        )
    )
    base |= {
        "seed": 0,
        "accuracy": {},
        "control": {"untrained_linear": None},
        "seconds": {"total": 1.0},
        "versions": {},
    }
    return Results(**(base | changes))  # type: ignore[arg-type]


def test_the_mean_over_seeds_is_saved(tmp_path: Path) -> None:
    settings = Settings(dataset="digits", preset="smoke", out=tmp_path, device="cpu", seeds=2, train_images=200)
    by_seed = main(settings)
    (path,) = tmp_path.glob("*.json")
    saved = json.loads(path.read_text())
    assert path.name == "digits-fourier-ff-smoke-seeds0-1.json"
    assert saved["seeds"] == [0, 1]
    for name in ("goodness", "linear"):
        values = [result.accuracy[name] for result in by_seed]
        assert saved["accuracy"][name]["values"] == values
        assert saved["accuracy"][name]["mean"] == pytest.approx(sum(values) / 2)  # type: ignore[arg-type]
        assert saved["accuracy"][name]["standard_deviation"] == pytest.approx(abs(values[0] - values[1]) / 2**0.5)  # type: ignore[operator]
    assert saved["accuracy"]["untrained_linear"]["values"]


def test_no_sign_ends_a_run_whose_output_has_a_poor_encoding(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file on a Japanese Windows is of cp932, which has no middle dot; class names may hold any sign."""
    written = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(written, encoding="cp932"))
    monkeypatch.setattr(train, "_all_seeds", lambda *_: print("犬 · 🐕 · labels fourier") or [])
    main(Settings(dataset="digits", device="cpu"))
    sys.stdout.flush()
    assert written.getvalue().decode("cp932").startswith(r"犬 \xb7 \U0001f415 \xb7 labels")


def test_an_accuracy_that_a_seed_lacks_has_no_mean() -> None:
    summary = seed_summary([results(accuracy={"goodness": 0.5}), results(accuracy={})])
    assert summary["accuracy"] == {}


def test_no_summary_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "a.json").touch()
    (tmp_path / "a-2.json").touch()
    assert new_file(tmp_path, "a.json").name == "a-3.json"
    assert new_file(tmp_path, "b.json").name == "b.json"


def test_making_results_starts_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise AssertionError("a value object starts no process")

    monkeypatch.setattr(subprocess, "run", refuse)
    monkeypatch.setattr(subprocess, "Popen", refuse)
    assert results().git_commit is None
    for fact in ("git_commit", "versions"):  # whoever makes results says what they are of
        (without := dict(vars(results()))).pop(fact)
        with pytest.raises(TypeError, match=fact):
            Results(**without)


def test_the_commit_is_that_of_the_repository_that_tracks_the_code(tmp_path: Path) -> None:
    """An installed copy lies inside whatever repository surrounds the environment, which says nothing about it."""
    tracked, installed = tmp_path / "code.py", tmp_path / "venv" / "code.py"
    installed.parent.mkdir()
    for file in (tracked, installed):
        file.write_text("1\n")
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    for arguments in (["init", "-q"], ["add", "code.py"], [*identity, "commit", "-qm", "one"]):
        subprocess.run(["git", *arguments], cwd=tmp_path, check=True)
    commit = machine.git_commit(tracked)
    assert commit is not None
    assert len(commit) == 40
    assert machine.git_commit(installed) is None
    tracked.write_text("2\n")
    assert machine.git_commit(tracked) == f"{commit}+"


def test_a_missing_package_costs_no_results(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "PACKAGES", ("torch", "surely-not-installed"))
    versions = machine.package_versions()
    assert versions["surely-not-installed"] is None
    assert versions["torch"]
    assert versions["convff"]


def test_without_the_resource_module_memory_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows has none. Only that one function asks for it, so that everything can be imported there."""
    monkeypatch.setitem(sys.modules, "resource", None)
    assert machine.peak_memory_mib(torch.device("cpu")) is None
    root = Path(convff.__file__).parent.parent
    asking = []
    for package in ("convff", "labels", "cam", "experiments"):
        for path in (root / package).rglob("*.py"):
            if re.search(r"\bimport resource\b|\bfrom resource\b", text := path.read_text()):
                asking.append(path.relative_to(root).as_posix())
                assert not re.search(r"^(import|from) resource\b", text, flags=re.MULTILINE)
    assert asking == ["experiments/tools/machine.py"]


def test_memory_is_known_here() -> None:
    pytest.importorskip("resource")
    assert (machine.peak_memory_mib(torch.device("cpu")) or 0) > 10
