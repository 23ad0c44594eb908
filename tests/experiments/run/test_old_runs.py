"""Run folders and checkpoints that version 0.1 wrote stay readable, and say what they said then.

Written by commit 4c363da, all with `--dataset digits --preset smoke --precision float32 --device cpu`:
`python experiments/cifar10.py` with, in turn, `--labels fourier --rule ff --model cnn3 --width 8`, `--labels learned
--rule hebbff --model cnn6 --width 4 --stabilise decay` and `--labels onehot --rule bp --model mlp --width 16`;
and `python experiments/hebbff_mlp.py --net deep --width 24`.
"""

import shutil
from pathlib import Path

import pytest

from convff import load_checkpoint
from experiments.rejudge import rejudge
from experiments.run import folder as run_folder
from experiments.run.folder import RunRecord
from experiments.table import table

FOLDERS = sorted((Path(__file__).parent.parent.parent / "data" / "version-0.1").iterdir())
ONE_IMAGE = 1 / 360  # another processor may round two scores to another order


def test_there_are_runs() -> None:
    assert {run_folder.read(folder).settings.rule for folder in FOLDERS} == {"ff", "hebbff", "bp"}


@pytest.fixture(params=FOLDERS, ids=lambda folder: folder.name)
def run(request: pytest.FixtureRequest) -> RunRecord:
    return run_folder.read(request.param)


def test_accuracy_is_what_it_was(run: RunRecord) -> None:
    trained = run_folder.read_with_network(run)
    then, now = run.results["accuracy"], {}
    evaluator = trained.parts.evaluator()
    own = evaluator.own(trained.net, trained.modules)
    now[next(iter(evaluator.evaluations))] = own.value
    if own.per_block:
        assert own.per_block["accuracy"] == pytest.approx(run.results["per_layer"]["accuracy"], abs=2 * ONE_IMAGE)
    if trained.readout is not None:
        predicted = trained.readout.predict(trained.parts.judged)
        now["linear"] = (predicted == trained.parts.judged.classes).float().mean().item()
    for name, value in then.items():
        assert (name not in now) == (value is None)
        if value is not None:
            assert now[name] == pytest.approx(value, abs=ONE_IMAGE)


def test_checkpoints_load(run: RunRecord) -> None:
    checkpoint = load_checkpoint(run.folder / "checkpoint.safetensors")
    assert checkpoint.model == run.recipe["model"]
    assert checkpoint.notes["settings"]["rule"] == run.settings.rule


def test_they_are_judged_again(tmp_path: Path) -> None:
    (folder,) = [folder for folder in FOLDERS if "learned" in folder.name]
    copy = tmp_path / folder.name
    shutil.copytree(folder, copy)
    then = run_folder.read(folder).results
    now = rejudge(copy)
    assert now["accuracy"]["goodness"] == pytest.approx(then["accuracy"]["goodness"], abs=ONE_IMAGE)
    assert now["control"]["untrained_linear"] == pytest.approx(then["control"]["untrained_linear"], abs=2 * ONE_IMAGE)


def test_they_stand_in_a_table() -> None:
    assert len(table(FOLDERS).splitlines()) == 2 + len(FOLDERS)
