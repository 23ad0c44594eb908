"""Install our wheel beside the public package `labels`, which has a module of the same name, in both orders.

`python tests/beside_labels.py`; needs a package registry, and a minute. Whoever is installed last has the name. If it
is ours, all works; if it is theirs, one line says whose it is and what to do.
"""

import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
THEIRS = "labels"
PLACE = "import sysconfig; print(sysconfig.get_path('purelib'))"
USES_LABELS = "import torch, convff.labels; print(len(convff.labels.LABELS))"


def run(*command: object) -> subprocess.CompletedProcess[str]:
    """Run a command outside the checkout; return what it printed and its exit status."""
    words, elsewhere = [str(each) for each in command], tempfile.gettempdir()
    return subprocess.run(words, cwd=elsewhere, capture_output=True, text=True, check=False)


def pip(python: Path | str, *arguments: object) -> None:
    """Run pip of an environment, quietly."""
    run(python, "-m", "pip", "-q", "--disable-pip-version-check", *arguments).check_returncode()


def environment(folder: Path, *packages: object) -> Path:
    """Make an environment in which packages are installed one after another; return its Python.

    Our dependencies are those of the environment that runs this script.
    """
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    here, there = (run(each, "-c", PLACE).stdout for each in (sys.executable, python))
    Path(there.strip(), "dependencies.pth").write_text(here)
    for package in packages:
        pip(python, "install", "--no-deps", "--force-reinstall", package)
    return python


def main() -> None:
    """Check both orders; raise an AssertionError that shows what was printed."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pip(sys.executable, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, ROOT)
        (ours,) = folder.glob("convff-*.whl")

        last = run(environment(folder / "ours-last", THEIRS, ours), "-I", "-c", USES_LABELS)
        assert last.returncode == 0, last.stderr
        assert int(last.stdout) > 3, last.stdout
        print("installed last, our labels work")

        python = environment(folder / "theirs-last", ours, THEIRS)
        for command in (("-I", "-c", USES_LABELS), ("-I", "-m", "convff", "doctor")):
            hidden = run(python, *command)
            said = hidden.stdout + hidden.stderr
            assert hidden.returncode != 0, said
            assert "not convff's" in said, said
            assert "install convff into an environment of its own" in said, said
        print("hidden by theirs, one line says so")


if __name__ == "__main__":
    main()
