"""Settings that make no sense are refused before anything happens, and the message says what would be right."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from experiments.config.command_line import parse
from experiments.config.settings import Settings
from experiments.run.train import main
from tests.trust.refused import CASES, WITH_TORCH

ROOT = Path(__file__).parent.parent.parent
SCRIPTS = ("mnist", "fashion_mnist", "cifar10", "cifar100", "hebbff_mlp", "greedy")
SECONDS = 2.0  # of a processor, until a command is refused; an idle machine takes no longer
HELP_SECONDS = 0.5
OUT = "not-made"


def write_files(place: Path) -> None:
    """Make the files and folders that the cases name."""
    for name in ("file", "holds.py", "broken.py", "syntax.py"):
        text = {"holds.py": "class Mine: ...\nNUMBER = 3\n", "broken.py": "1 / 0\n", "syntax.py": "def (:\n"}
        (place / name).write_text(text.get(name, "text"))
    (place / "empty").mkdir()
    for folder in ("half/train/a", "differ/train/a", "differ/train/b", "differ/test/a", "differ/test/c"):
        (place / folder).mkdir(parents=True)
    for of_class in (place / "differ").glob("*/*"):
        Image.new("L", (8, 8)).save(of_class / "image.png")


def arguments_of(command: str) -> list[str]:
    given = command.split()
    return [*given, *([] if "--out" in given else ["--out", OUT])]


def plain(printed: str) -> str:
    """What was printed, without frames and line breaks."""
    return " ".join(printed.translate(str.maketrans("│─╭╮╰╯", "      ")).split())


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with the cases' files, and a machine without a network."""
    write_files(tmp_path)
    monkeypatch.chdir(tmp_path)

    def no_network(*_: object, **__: object) -> None:
        raise AssertionError("nothing may ask the network")

    monkeypatch.setattr(socket.socket, "connect", no_network)
    monkeypatch.setattr(socket, "getaddrinfo", no_network)
    return tmp_path


def held_by(place: Path) -> set[Path]:
    return {path for path in place.rglob("*") if "__pycache__" not in path.parts}


LOOP = """
import contextlib, io, json, os, socket, sys, time
from experiments.config.command_line import parse
from experiments.config.settings import Settings

def no_network(*_, **__):
    raise AssertionError("nothing may ask the network")

socket.socket.connect = socket.getaddrinfo = no_network
found = {}
for command, arguments in json.loads(sys.argv[1]).items():
    code, said, begin = None, io.StringIO(), time.process_time()
    with contextlib.redirect_stderr(said):
        try:
            parse(Settings(dataset="digits"), None, arguments)
        except SystemExit as stop:
            code = stop.code
    seconds = time.process_time() - begin
    held = sorted(os.path.join(each[0], name) for each in os.walk(".") for name in (*each[1], *each[2]))
    found[command] = {"code": code, "said": said.getvalue(), "seconds": seconds, "held": held}
print(json.dumps({"found": found, "loaded": sorted({"torch", "torchvision", "numpy"} & set(sys.modules))}))
"""


@pytest.fixture(scope="module")
def parsed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What one process without a network says to every case."""
    place = tmp_path_factory.mktemp("parsed")
    write_files(place)
    done = subprocess.run(
        [sys.executable, "-c", LOOP, json.dumps({command: arguments_of(command) for command in CASES})],
        capture_output=True,
        text=True,
        cwd=place,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found | {"held": sorted(f"./{path.relative_to(place)}" for path in held_by(place))}


@pytest.mark.parametrize(("command", "words"), CASES.items(), ids=list(CASES))
def test_it_is_refused_at_once(parsed: dict[str, Any], command: str, words: tuple[str, ...]) -> None:
    case = parsed["found"][command]
    assert case["code"] == 2
    said = plain(case["said"])
    assert [word for word in words if word not in said] == [], said
    assert case["held"] == parsed["held"]
    assert case["seconds"] < SECONDS / 2  # the rest is for the start of Python: see the tests of processes


def test_refusing_imports_no_torch(parsed: dict[str, Any]) -> None:
    assert parsed["loaded"] == []


@pytest.mark.parametrize(("command", "words"), WITH_TORCH.items(), ids=list(WITH_TORCH))
def test_what_only_data_and_machine_tell_is_refused_before_anything_is_written(
    place: Path, capsys: pytest.CaptureFixture[str], command: str, words: tuple[str, ...]
) -> None:
    before = held_by(place)
    with pytest.raises(SystemExit) as stop:
        main(parse(Settings(dataset="digits"), None, arguments_of(command)))
    assert stop.value.code == 2
    assert held_by(place) == before
    said = plain(capsys.readouterr().err)
    assert [word for word in words if word not in said] == [], said


def test_there_are_sixty_cases() -> None:
    assert len(CASES) + len(WITH_TORCH) >= 60


def run_measured(place: Path, script: str, *arguments: str) -> tuple[int, str, float]:
    """Run a script; return its exit code, what it printed, and the seconds of processor time that it took."""
    with (place / "printed").open("w+") as printed:
        started = subprocess.Popen(
            [sys.executable, str(ROOT / "experiments" / f"{script}.py"), *arguments],
            stdout=printed,
            stderr=subprocess.STDOUT,
            cwd=place,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )
        _, status, used = os.wait4(started.pid, 0)
        started.returncode = os.waitstatus_to_exitcode(status)
        printed.seek(0)
        return started.returncode, plain(printed.read()), used.ru_utime + used.ru_stime


@pytest.mark.skipif(not hasattr(os, "wait4"), reason="the time of a process cannot be measured here")
@pytest.mark.parametrize("script", SCRIPTS)
def test_help_comes_at_once(tmp_path: Path, script: str) -> None:
    code, printed, seconds = run_measured(tmp_path, script, "--help")
    assert code == 0
    assert "--label-at" in printed
    assert seconds <= HELP_SECONDS


@pytest.mark.skipif(not hasattr(os, "wait4"), reason="the time of a process cannot be measured here")
@pytest.mark.parametrize("command", ["--lr nan", "--rule hebff", "--negatives 2 --label-at output"])
def test_a_process_is_refused_at_once(place: Path, command: str) -> None:
    check_process(place, command, CASES[command], SECONDS)


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "wait4"), reason="the time of a process cannot be measured here")
@pytest.mark.parametrize("command", [*CASES, *WITH_TORCH])
def test_every_process_is_refused_at_once(place: Path, command: str, importing: float) -> None:
    words, allowed = (CASES[command], 0.0) if command in CASES else (WITH_TORCH[command], 2 * importing)
    check_process(place, command, words, SECONDS + allowed)


@pytest.fixture(scope="module")
def importing() -> float:
    """Seconds of processor time until torch and scikit-learn's digits are loaded.

    No refusal by them can save that; and the trial step of a run, which refuses most, lets torch import as much again.
    """
    program = "import os; from experiments.run import train; from experiments.datasets import load_dataset as load; "
    program += "load('digits', None); print(sum(os.times()[:2]))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=True)
    return float(done.stdout)


def check_process(place: Path, command: str, words: tuple[str, ...], seconds: float) -> None:
    before = held_by(place)
    dataset = [] if "--dataset" in command else ["--dataset", "digits"]
    code, printed, used = run_measured(place, "cifar10", *dataset, *arguments_of(command))
    assert code == 2
    assert "Traceback" not in printed
    assert [word for word in words if word not in printed] == [], printed
    assert held_by(place) - before <= {place / "printed"}
    assert used <= seconds
