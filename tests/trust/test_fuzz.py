"""Whatever a file or a command line holds, it is read or refused in words: no other error escapes, nothing is written.

By default each kind of input is tried a few dozen times, always the same ones. `pytest -m slow` tries new ones for five
minutes; what it finds is printed, and becomes a test of its own.
"""

import contextlib
import io
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from convff import load_checkpoint
from experiments.config.ablation import Ablation, read_plan
from experiments.config.command_line import check, parse
from experiments.config.settings import Settings, SettingsError, settings_from_json
from experiments.datasets import DataError, load_dataset
from experiments.run import folder as run_folder
from labels import labels_from_spec
from tests.trust.inputs import (
    COMMANDS,
    TABLES,
    TREES,
    checkpoint_bytes,
    mutated,
    mutated_bytes,
    old_checkpoints,
    saved_settings,
    specs,
)

OLD_RUNS = sorted((Path(__file__).parent.parent / "data" / "version-0.1").iterdir())
MINUTE = 60.0


def of_settings(document: Any) -> None:
    """The settings of a saved run, read again and checked."""
    with contextlib.suppress(SettingsError):
        check(settings_from_json(document))


def of_run(document: Any) -> None:
    """A run folder whose settings.json anyone wrote."""
    with TemporaryDirectory() as name:
        for file in ("metrics.csv", "results.json"):
            shutil.copy(OLD_RUNS[0] / file, name)
        (Path(name) / "settings.json").write_text(json.dumps(document))
        with contextlib.suppress(SettingsError):
            run_folder.read(Path(name))


def of_labels(document: Any) -> None:
    """The spec of labels, as checkpoints hold it."""
    said = ""
    try:
        labels_from_spec(document)
    except (ValueError, TypeError) as error:
        said = str(error)
    assert not said or said.startswith(("labels of family", "the spec of labels must", "unknown label family"))


def of_table(text: str) -> None:
    """A table of `ablation.py`."""
    Path("table.toml").write_text(text, encoding="utf-8", errors="replace")
    with contextlib.suppress(SettingsError):
        read_plan(Ablation(file=Path("table.toml"), minutes=1.0))


def of_command(arguments: list[str]) -> None:
    """A command line of a data set's script."""
    said, code = io.StringIO(), None
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
        try:
            parse(Settings(dataset="digits"), None, arguments)
        except SystemExit as stop:
            code = stop.code
    assert code in (None, 2)
    assert code is None or said.getvalue().strip()


def of_checkpoint(payload: bytes) -> None:
    """A checkpoint that anyone wrote, or that a disk has damaged."""
    Path("net.safetensors").write_bytes(payload)
    with contextlib.suppress(ValueError):
        load_checkpoint(Path("net.safetensors"))


def of_tree(files: dict[str, bytes | None]) -> None:
    """A folder of images; None makes a folder of the name."""
    with TemporaryDirectory() as name:
        for file, content in files.items():
            path = Path(name) / file
            with contextlib.suppress(FileExistsError, NotADirectoryError, IsADirectoryError):
                (path if content is None else path.parent).mkdir(parents=True, exist_ok=True)
                if content is not None:
                    path.write_bytes(content)
        with contextlib.suppress(DataError):
            load_dataset("folder", Path(name))


Target = tuple[Callable[[Any], None], Callable[[], st.SearchStrategy[Any]], int]
TARGETS: dict[str, Target] = {
    "settings": (of_settings, lambda: mutated(saved_settings()), 60),
    "run": (of_run, lambda: mutated([json.loads((OLD_RUNS[0] / "settings.json").read_text())]), 40),
    "labels": (of_labels, lambda: mutated(specs()), 80),
    "table": (of_table, lambda: TABLES.map("\n".join), 40),
    "command": (of_command, lambda: COMMANDS, 40),
    "checkpoint": (of_checkpoint, lambda: mutated_bytes(checkpoint_bytes()) | old_checkpoints(), 60),
    "tree": (of_tree, lambda: TREES, 40),
}
"""What reads an input, the inputs, and how many are tried by default."""

WATCHED: list[list[str]] = []
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if not WATCHED or event not in ("open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.symlink"):
        return
    if event == "open" and (not isinstance(arguments[2], int) or not arguments[2] & WRITING):
        return
    if isinstance(arguments[0], str | bytes | os.PathLike):
        path = os.path.abspath(os.fsdecode(arguments[0]))
        if not path.startswith(os.path.abspath(gettempdir())) and path != os.devnull:
            WATCHED[-1].append(f"{event} {path}")


sys.addaudithook(_audit)  # cannot be removed; without a watcher it does nothing


@pytest.fixture
def nothing_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fail if anything was written outside the folder for temporary files."""
    monkeypatch.chdir(tmp_path)
    written: list[str] = []
    WATCHED.append(written)
    try:
        yield
    finally:
        WATCHED.pop()
    assert [each for each in written if "__pycache__" not in each and ".hypothesis" not in each] == []


def tried(read: Callable[[Any], None], inputs: st.SearchStrategy[Any], examples: int) -> Callable[[], None]:
    """A test that reads this number of inputs; its own database and deadlines would make it depend on the machine."""
    quiet = settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    return quiet(given(inputs)(read))


@pytest.mark.usefixtures("nothing_written")
@pytest.mark.parametrize("name", TARGETS)
def test_a_few_inputs_are_read_or_refused(name: str) -> None:
    read, inputs, examples = TARGETS[name]
    seed(0)(tried(read, inputs(), examples))()


@pytest.mark.slow
@pytest.mark.usefixtures("nothing_written")
@pytest.mark.parametrize("name", TARGETS)
def test_many_inputs_are_read_or_refused(name: str) -> None:
    """Five minutes for all together, from another seed every day."""
    read, inputs, examples = TARGETS[name]
    end, day, rounds = time.monotonic() + 5 * MINUTE / len(TARGETS), int(time.time() // 86400), 0
    while time.monotonic() < end:
        seed(1000 * day + rounds)(tried(read, inputs(), 5 * examples))()
        rounds += 1
    print(f"{name}: {5 * examples * rounds} inputs, seeds {1000 * day} to {1000 * day + rounds - 1}")


def test_the_watcher_sees_what_is_written(nothing_written: None, tmp_path: Path) -> None:
    (tmp_path / "inside").write_text("")
    with contextlib.suppress(OSError):
        os.open("/proc/outside", os.O_WRONLY)
    assert WATCHED[-1] == ["open /proc/outside"]
    WATCHED[-1].clear()
