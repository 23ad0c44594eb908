"""What is built and installed: versions, files, import path, dependencies."""

import re
import shutil
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import pytest

import convff

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_one_version() -> None:
    cited = re.search(r"^version: (.+)$", (ROOT / "CITATION.cff").read_text(), flags=re.MULTILINE)
    assert cited is not None
    assert convff.__version__.removesuffix(".dev0") == cited[1]
    assert re.fullmatch(r"\d+\.\d+\.\d+(\.dev0)?", convff.__version__)


def tracked() -> set[str]:
    """Files that git tracks and that exist; skips the test outside a checkout."""
    names = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.split(
        "\n"
    )
    if not any(names):
        pytest.skip("not a git checkout")
    return {name for name in names if name and (ROOT / name).exists()}


def test_the_source_distribution_holds_every_tracked_file() -> None:
    """Packagers run the tests from it, and these read docs, workflows and test data."""
    sdist = pytest.importorskip("hatchling.builders.sdist")
    included = {file.relative_path for file in sdist.SdistBuilder(str(ROOT)).recurse_included_files()}
    assert tracked() - included <= {".gitignore"}  # which hatch adds by itself


def test_the_wheel_holds_every_file_of_the_packages_and_no_other() -> None:
    """Also what is no code: networks, templates, texts, settings, results. Its tests: `tests/built_packages.py`."""
    wheel = pytest.importorskip("hatchling.builders.wheel")
    included = {file.relative_path for file in wheel.WheelBuilder(str(ROOT)).recurse_included_files()}
    packages = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    of_packages = {name for name in tracked() if name.split("/")[0] in packages}
    assert of_packages <= included
    assert {name.split("/")[0] for name in included} == set(packages)


def test_labels_need_numpy_and_torch_alone() -> None:
    """`pip install --no-deps convff` beside them brings no OpenCV; docs/labels.md says so."""
    names = {re.split(r"[>=]", each)[0] for each in PROJECT["project"]["dependencies"]} - {"torch", "numpy"}
    imported = PROJECT["tool"]["deptry"]["package_module_name_map"]
    hidden = sorted({imported.get(name, name) for name in names} | {"cv2"})
    program = (
        f"import sys\nsys.modules.update(dict.fromkeys({hidden}))\nimport torch\nimport labels\n"
        "images = torch.rand(2, 3, 16, 16)\n"
        "for made in (labels.FourierLabels(3, (16, 16)), labels.MorphLabels(3)):\n"
        "    assert made(images, torch.tensor([0, 2])).shape == images.shape\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("installed", [False, True])
def test_scripts_hide_no_public_package(installed: bool, tmp_path: Path) -> None:
    """`python experiments/x.py` puts that folder first on the path, where our `datasets` lies."""
    public = tmp_path / "datasets"
    public.mkdir()
    (public / "__init__.py").write_text("PUBLIC = True\n")
    script = ROOT / "experiments" / "cifar10.py"
    if installed:  # the script is of another copy than the package
        copy = tmp_path / "copy" / "experiments"
        shutil.copytree(script.parent / "datasets", copy / "datasets", ignore=shutil.ignore_patterns("__pycache__"))
        script = Path(shutil.copy(script, copy))
    program = (
        f"import runpy, sys\nsys.path[0] = {str(script.parent)!r}\nsys.path.append({str(tmp_path)!r})\n"
        f"runpy.run_path({str(script)!r}, run_name='imported')\n"
        "import datasets; assert datasets.PUBLIC\nfrom experiments.datasets import DATASETS\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_no_test_depends_on_its_name() -> None:
    """Renaming a test must not change what it does: markers say what a test needs."""
    for path in (ROOT / "tests").rglob("*.py"):
        if path != Path(__file__):
            assert not re.search(r"request\.node\.(nodeid|name)", path.read_text()), path


def test_the_command_is_installed_with_the_package() -> None:
    module, _, function = PROJECT["project"]["scripts"]["convff"].partition(":")
    assert callable(getattr(import_module(module), function))
    assert module.split(".")[0] in PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]


def test_every_dependency_has_a_lower_bound() -> None:
    extras = PROJECT["project"]["optional-dependencies"]
    for requirement in (*PROJECT["project"]["dependencies"], *(each for names in extras.values() for each in names)):
        assert requirement.startswith("convff[") or re.fullmatch(r"[A-Za-z0-9-]+>=[\d.]+", requirement), requirement
