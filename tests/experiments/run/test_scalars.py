"""`--tensorboard`: what `metrics.csv` gets, as scalars; a resumed run has each point once."""

import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from experiments.config.settings import Settings, SettingsError
from experiments.run.metrics import read_rows
from experiments.run.scalars import EVENTS, scalars
from experiments.run.train import main

SMALL = Settings(
    dataset="digits",
    label_at="output",
    preset="smoke",
    train_images=64,
    epochs=2,
    widths=(20, 20),
    inference=("goodness",),
    precision="float32",
    tensorboard=True,
)


class FakeWriter:
    """Keeps points in one text file per writer, as TensorBoard keeps events."""

    def __init__(self, log_dir: Path, purge_step: int | None = None) -> None:
        log_dir.mkdir(exist_ok=True)
        self.file = log_dir / f"{EVENTS[:-1]}{len(list(log_dir.iterdir()))}"
        self.file.touch()
        self.waiting: list[str] = []

    def add_scalar(self, tag: str, value: float, step: int) -> None:
        self.waiting.append(f"{tag} {step} {value!r}\n")

    def flush(self) -> None:
        with self.file.open("a") as file:
            file.writelines(self.waiting)
        self.waiting = []

    close = flush


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> None:
    module: Any = ModuleType("torch.utils.tensorboard")
    module.SummaryWriter = FakeWriter
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", module)


def points(run: Path) -> list[tuple[str, int, float]]:
    """All points in the files of a run."""
    lines = [line.split() for file in (run / "tensorboard").iterdir() for line in file.read_text().splitlines()]
    return [(tag, int(step), float(value)) for tag, step, value in lines]


def are_those_of_the_rows(run: Path) -> bool:
    """Whether each cell of `metrics.csv` is one point, and no other point is there."""
    rows = read_rows(run / "metrics.csv")
    cells = [(row["epoch"], value) for row in rows for name, value in row.items() if name != "epoch"]
    found = points(run)
    assert len({(tag, step) for tag, step, _ in found}) == len(found)
    return sorted((step, value) for _, step, value in found) == sorted(cells)


@pytest.mark.usefixtures("fake")
def test_a_run_and_a_resumed_run_have_each_point_once(tmp_path: Path) -> None:
    main(replace(SMALL, out=tmp_path))
    (run,) = tmp_path.iterdir()
    assert are_those_of_the_rows(run)
    tags = {tag for tag, _, _ in points(run)}
    assert {"discrimination/block_1", "discrimination/block_2", "validation/groups_accuracy", "time/seconds"} <= tags
    main(Settings(resume=run, epochs=3))  # it keeps the option
    assert {step for _, step, _ in points(run)} == {1, 2, 3}
    assert are_those_of_the_rows(run)


@pytest.mark.usefixtures("fake")
def test_a_run_that_was_killed_before_its_state_was_saved(tmp_path: Path) -> None:
    """The second epoch is in the events, but not in the state: it is trained, and written, again."""
    rows = [{"epoch": 1, "loss_1": 0.5}, {"epoch": 2, "loss_1": 0.25}]
    with scalars(tmp_path, [], wanted=True) as write:
        for row in rows:
            write(row)
    with scalars(tmp_path, rows[:1], wanted=True) as write:
        assert points(tmp_path) == [("loss/block_1", 1, 0.5)]
        write({"epoch": 2, "loss_1": 0.125})
    assert points(tmp_path) == [("loss/block_1", 1, 0.5), ("loss/block_1", 2, 0.125)]


@pytest.mark.usefixtures("fake")
def test_a_run_that_had_none_gets_all_of_them_when_it_is_resumed(tmp_path: Path) -> None:
    main(replace(SMALL, out=tmp_path, epochs=1, tensorboard=False))
    (run,) = tmp_path.iterdir()
    assert not (run / "tensorboard").exists()
    main(Settings(resume=run, epochs=2, tensorboard=True))
    assert are_those_of_the_rows(run)


def test_without_tensorboard_it_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(SystemExit) as end:
        main(replace(SMALL, out=tmp_path / "runs"))
    assert end.value.code == 2
    assert '--tensorboard needs TensorBoard: pip install "convff[tensorboard]"' in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()
    with pytest.raises(SettingsError, match="--tensorboard"), scalars(tmp_path, [], wanted=True):
        pass
    with scalars(tmp_path, [], wanted=False) as write:
        write({"epoch": 1})
    assert list(tmp_path.iterdir()) == []


def test_tensorboard_reads_what_is_written(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    rows = [{"epoch": 1, "loss_1": 0.5}, {"epoch": 2, "loss_1": 0.25}]
    for done in (0, 1):
        with scalars(tmp_path, rows[:done], wanted=True) as write:
            for row in rows[done:]:
                write(row)
    events = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert [(each.step, each.value) for each in events.Scalars("loss/block_1")] == [(1, 0.5), (2, 0.25)]
