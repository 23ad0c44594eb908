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
PARSING = {"experiments", "tyro", "docstring_parser", "typeguard", "typing_extensions"}  # packages that help may load
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


def run_python(place: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        cwd=place,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        check=False,
    )


LOOP = """
import contextlib, io, json, os, socket, sys
from experiments.config.command_line import parse
from experiments.config.settings import Settings

def no_network(*_, **__):
    raise AssertionError("nothing may ask the network")

socket.socket.connect = socket.getaddrinfo = no_network
found = {}
for command, arguments in json.loads(sys.argv[1]).items():
    code, said = None, io.StringIO()
    with contextlib.redirect_stderr(said):
        try:
            parse(Settings(dataset="digits"), None, arguments)
        except SystemExit as stop:
            code = stop.code
    held = sorted(os.path.join(each[0], name) for each in os.walk(".") for name in (*each[1], *each[2]))
    found[command] = {"code": code, "said": said.getvalue(), "held": held}
print(json.dumps({"found": found, "loaded": sorted({"torch", "torchvision", "numpy"} & set(sys.modules))}))
"""


@pytest.fixture(scope="module")
def parsed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What one process without a network says to every case."""
    place = tmp_path_factory.mktemp("parsed")
    write_files(place)
    done = run_python(place, "-c", LOOP, json.dumps({command: arguments_of(command) for command in CASES}))
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found | {"held": sorted(f"./{path.relative_to(place)}" for path in held_by(place))}


@pytest.mark.parametrize(("command", "words"), CASES.items(), ids=list(CASES))
def test_it_is_refused(parsed: dict[str, Any], command: str, words: tuple[str, ...]) -> None:
    case = parsed["found"][command]
    assert case["code"] == 2
    said = plain(case["said"])
    assert [word for word in words if word not in said] == [], said
    assert case["held"] == parsed["held"]


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


HELP = """
import runpy, sys

sys.argv = [sys.argv[1], "--help"]
try:
    runpy.run_path(sys.argv[0], run_name="__main__")
finally:
    print(*{name.split(".")[0] for name in sys.modules} - sys.stdlib_module_names - {"__main__"}, file=sys.stderr)
"""


@pytest.mark.parametrize("script", SCRIPTS)
def test_help_loads_nothing_that_it_does_not_need(tmp_path: Path, script: str) -> None:
    """What it loads is all that its time depends on; `benchmark.py --sections starting` measures that."""
    done = run_python(tmp_path, "-c", HELP, str(ROOT / "experiments" / f"{script}.py"))
    assert done.returncode == 0
    assert "--label-at" in done.stdout
    loaded = {name for name in done.stderr.split() if not name.startswith(("_", "sitecustomize"))}
    assert loaded <= PARSING


@pytest.mark.parametrize("command", ["--lr nan", "--rule hebff", "--negatives 2 --label-at output"])
def test_a_process_is_refused(place: Path, command: str) -> None:
    check_process(place, command, CASES[command])


@pytest.mark.slow
@pytest.mark.parametrize("command", [*CASES, *WITH_TORCH])
def test_every_process_is_refused(place: Path, command: str) -> None:
    check_process(place, command, (CASES | WITH_TORCH)[command])


def check_process(place: Path, command: str, words: tuple[str, ...]) -> None:
    before = held_by(place)
    dataset = [] if "--dataset" in command else ["--dataset", "digits"]
    script = str(ROOT / "experiments" / "cifar10.py")
    done = run_python(place, script, *dataset, *arguments_of(command))
    printed = plain(done.stdout + done.stderr)
    assert done.returncode == 2
    assert "Traceback" not in printed
    assert [word for word in words if word not in printed] == [], printed
    assert held_by(place) == before
