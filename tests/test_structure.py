"""The counts that keep the house in order; `make structure` prints what is behind each."""

import subprocess
from pathlib import Path

import pytest

from tests.structure import counts

ROOT = Path(__file__).parent.parent
NONE = (
    "files of over 250 lines",
    "import circles",
    "import circles, with imports for types",
    "import circles, with all imports",
    "tests of a rule's name",
    "tests of a rule's class",
    "wirings of blocks elsewhere",
    "imports of names from below a package",
)


@pytest.fixture(scope="module")
def found() -> dict[str, int]:
    if subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, check=False).returncode:
        pytest.skip("not a git checkout: the counts are of tracked files")
    return counts()


@pytest.mark.parametrize("name", NONE)
def test_there_is_none(found: dict[str, int], name: str) -> None:
    assert found[name] == 0


def test_one_route_per_kind_of_network(found: dict[str, int]) -> None:
    assert found["wirings of blocks: routes of networks"] == 3  # the chain and the two residual networks


def test_most_of_what_is_public_has_an_example_that_runs(found: dict[str, int]) -> None:
    share = "per cent of public functions and classes with an example"
    assert found[f"{share}, library"] >= 50
    assert found[f"{share}, library and experiments"] >= 40
