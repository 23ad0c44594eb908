"""Every `convff` command of the README and the pages runs, at reduced size: `pytest -m slow`."""

import importlib.util
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from tests.pages import ROOT, tool_commands

pytestmark = pytest.mark.slow

SMALL = ("--preset", "smoke", "--train-images", "200", "--device", "cpu")
ONNX = "onnx", "onnxscript", "onnxruntime"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with photographs of cats and dogs, one photograph beside them, and a run on them."""
    folder = tmp_path_factory.mktemp("tool")
    for name in ("cat", "dog"):
        (folder / "photos" / name).mkdir(parents=True)
        for number in range(20):
            Image.effect_noise((40, 30), 20 + number).convert("RGB").save(folder / "photos" / name / f"{number}.jpg")
    Image.effect_mandelbrot((90, 60), (-2, -1, 1, 1), 50).save(folder / "photo.jpg")
    Image.effect_mandelbrot((90, 60), (-2, -1, 1, 1), 50).save(folder / "photos" / "photo.jpg")
    tool("train", "photos", "--labels", "fourier", "--rule", "hebbff", *SMALL, cwd=folder)
    tool("train", "photos", *SMALL, cwd=folder)
    return folder


def tool(*arguments: str, cwd: Path) -> None:
    """Run a command in a folder; its output is shown if it fails."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "convff", *arguments]
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("command", tool_commands())
def test_a_command_of_the_tool_runs(command: str, place: Path) -> None:
    name, *arguments = shlex.split(command)
    if name == "push" or "hf://user/name" in arguments:
        pytest.skip("needs an account of the Hugging Face Hub")
    if name == "export" and "torch" not in arguments and not all(map(importlib.util.find_spec, ONNX)):
        pytest.skip("the extra `export` is not installed")
    runs = sorted(str(path) for path in (place / "runs").iterdir() if path.is_dir())
    files = {
        "RUN": [next(run for run in runs if "output" in run)],
        "runs/*": runs,
        "photos/*.jpg": ["photos/photo.jpg"],
    }
    arguments = [each for argument in arguments for each in files.get(argument, [argument])]
    if name == "sweep":
        arguments = ["digits", *arguments[1:], "--preset", "smoke", "--trials", "2", "--device", "cpu"]
    if name == "train":
        arguments += ["--epochs", "2"] if "--resume" in arguments else SMALL
    tool(name, *arguments, cwd=place)
