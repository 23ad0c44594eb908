"""Every command of the README and the pages runs, at reduced size: `pytest -m slow tests/test_commands.py`."""

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image

from tests.experiments.characters.samples import fables
from tests.pages import README, ROOT, commands, filled, python_blocks

pytestmark = pytest.mark.slow

SMALL = ("--dataset", "digits", "--preset", "smoke", "--train-images", "200", "--device", "cpu")
SHORTER: dict[str, tuple[str, ...]] = {
    "hebbff_mlp.py": ("--dataset", "digits", "--epochs", "1", "--train-images", "200"),
    "greedy.py": ("--dataset", "digits", "--epochs", "1", "--repeats", "2", "--train-images", "200"),
    "hinton_extras.py": ("--dataset", "digits", "--epochs", "1", "--images", "200", "--width", "100", "--seeds", "1"),
    "search.py": ("--dataset", "digits", "--trials", "2", "--epochs", "1", "--train-images", "200"),
    "benchmark.py": ("--repeats", "1", "--batch-size", "8"),
    "paper_sizes.py": ("--only", "unsupervised.py --net local", "--seconds", "0.1", "--device", "cpu"),
    "ablation.py": ("--minutes", "0.02", "--rows", "as preset"),
}
ON_TEXT = "experiments/next_character.py"
SMALL_TEXT = ("--text", "mine.txt", "--preset", "smoke", "--updates", "2", "--seeds", "1")
NAMED = ("cam_figures.py", "label_gallery.py", "benchmark.py")  # without options the pages only name them
DATASET_SCRIPTS = (
    "mnist.py",
    "fashion_mnist.py",
    "cifar10.py",
    "cifar100.py",
    "softhebb.py",
    "ghl.py",
    "hinton_mlp.py",
    "unsupervised.py",
    "recurrent.py",
)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with finished runs, an image, a folder of images, and the README's own rule."""
    folder = tmp_path_factory.mktemp("commands")
    run("experiments/cifar10.py", *SMALL, "--labels", "fourier", cwd=folder)
    run("experiments/cifar10.py", *SMALL, "--rule", "bp", cwd=folder)
    torch.manual_seed(0)
    for split in ("train", "test"):
        for name in ("cat", "dog"):
            (folder / "own" / split / name).mkdir(parents=True)
            for number in range(20):
                pixels = torch.randint(0, 256, (16, 16, 3), dtype=torch.uint8).numpy()
                Image.fromarray(pixels).save(folder / "own" / split / name / f"{number}.png")
    shutil.copy(folder / "own" / "test" / "cat" / "0.png", folder / "image.png")
    (folder / "mine.py").write_text(python_blocks(README)[1], encoding="utf-8")
    (folder / "mine.txt").write_text(fables(90), encoding="utf-8")
    run(ON_TEXT, *SMALL_TEXT, "--negatives", "random-features", "--out", "texts", cwd=folder)
    (folder / "experiments").symlink_to(ROOT / "experiments")
    return folder


def run(script: str, *arguments: str, cwd: Path) -> None:
    """Run a script of the repository in a folder; its output is shown if it fails."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(ROOT / script), *arguments]
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("command", [command for command in commands() if ON_TEXT not in command])
def test_a_command_of_the_pages_runs(command: str, place: Path, tmp_path: Path) -> None:
    script, *arguments = shlex.split(filled(command).replace(" [RUN ...]", ""))
    name = Path(script).name
    if name in NAMED and not arguments:
        run(script, "--help", cwd=place)
        return
    if name == "ablation.py" and "CONVFF_DATA" not in os.environ:
        pytest.skip("its file asks for real data, and CONVFF_DATA is not set")
    if "--compile" in arguments and shutil.which("g++") is None:
        pytest.skip("there is no C++ compiler")
    runs = sorted(str(path) for path in (place / "runs").iterdir() if path.is_dir())
    of_goodness = next(path for path in runs if "fourier-ff" in path)
    of_files = {"runs/*": runs, "RUN": [of_goodness]}
    arguments = [each for argument in arguments for each in of_files.get(argument, [argument])]
    arguments = [each for argument in arguments for each in _globbed(argument)]
    own = str(place / ("image.png" if "--image" in arguments else "own"))
    written = str(place / "figures.json")
    words = {"PATH": written if "--json" in arguments else own, "DIR": "gallery", "SELECT": "none"}
    arguments = [words.get(argument, argument) for argument in arguments]
    if "--resume" in arguments:
        arguments += [] if "--epochs" in arguments else ["--epochs", "2"]  # the run is finished
        run(script, *arguments, cwd=place)
        return
    if name in DATASET_SCRIPTS and "folder" in arguments:
        arguments += ["--preset", "smoke", "--device", "cpu"]
    elif name in DATASET_SCRIPTS and "--help" not in arguments:
        arguments += [*SMALL, "--seeds", "1"]
        if "--label-regions" in arguments:  # which have to divide the maps
            arguments += ["--dataset", "stand_in"]
    elif name == "ablation.py":
        arguments += ["--out", str(tmp_path)]
    elif name == "benchmark.py" and "--sections" not in arguments:
        arguments += ["--sections", "labelling"]
    arguments += ["--out", "other"] if name in DATASET_SCRIPTS and "--help" not in arguments else []
    run(script, *arguments, *SHORTER.get(name, ()), cwd=place)


@pytest.mark.parametrize("command", [command for command in commands() if ON_TEXT in command])
def test_a_command_about_text_runs(command: str, place: Path, tmp_path: Path) -> None:
    script, *arguments = shlex.split(command)
    finished = str(next((place / "texts").glob("*-seed0")))
    shorter = () if "--resume" in arguments else (*SMALL_TEXT, "--out", str(tmp_path))
    run(script, *(finished if argument == "RUN" else argument for argument in arguments), *shorter, cwd=place)


def _globbed(argument: str) -> list[str]:
    """What a shell would make of an argument with a star."""
    return sorted(map(str, ROOT.glob(argument))) if "*" in argument else [argument]
