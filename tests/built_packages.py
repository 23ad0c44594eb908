"""Build the source distribution, a wheel from it, and run the tests of both: `python -m tests.built_packages`.

The source distribution runs all its tests where it is unpacked, as packagers do. The wheel runs the tests of the
library and the examples of all docstrings, where there is no source beside them; then a network is trained and used.
It needs the dependencies of the environment that runs it, no package registry, and about ten minutes.
"""

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from tests.beside_labels import environment

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("convff", "labels", "cam", "experiments")
LIBRARY = ("tests/convff", "tests/labels", "tests/cam")
USED = (
    ("doctor",),
    ("demo", "--out", "demo.html", "--no-open"),
    ("train", "digits", "--preset", "smoke", "--out", "runs"),
    ("labels", "--labels", "fourier", "--classes", "3", "--out", "gallery"),
)


def run(*command: object, place: Path) -> None:
    """Run a command in a folder, showing what it prints; raise if it fails."""
    print("+", *command, flush=True)
    outside = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    subprocess.run([str(word) for word in command], cwd=place, env=outside, check=True)


def unpacked(archive: Path, place: Path) -> Path:
    """Unpack a source distribution; return its folder."""
    with tarfile.open(archive) as packed:
        packed.extractall(place, filter="data")
    (folder,) = place.iterdir()
    return folder


def main() -> None:
    """Build both, and test them."""
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        run(sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", place, place=ROOT)
        (archive,) = place.glob("*.tar.gz")
        source = unpacked(archive, place / "source")
        run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", place, place=source)
        (wheel,) = place.glob("*.whl")
        python = environment(place / "environment", wheel)

        for arguments in USED:
            run(python, "-m", "convff", *arguments, place=place)
        apart = place / "apart"
        shutil.copytree(source, apart, ignore=lambda folder, names: [*PACKAGES] if Path(folder) == source else [])
        run(python, "-m", "pytest", "-q", "-o", "testpaths=", *LIBRARY, "--pyargs", *PACKAGES, place=apart)
        run(sys.executable, "-m", "pytest", "-q", place=source)
    print("the source distribution and the wheel pass their tests")


if __name__ == "__main__":
    main()
