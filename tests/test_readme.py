"""The README keeps its word: its commands exist, its example runs, its set-up is what CI runs."""

import re
import shlex
from pathlib import Path

import pytest
import tyro

from experiments.config.command_line import parse
from experiments.config.settings import Settings
from experiments.hebbff_mlp import DEFAULT
from experiments.search import Search

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
DATASET_SCRIPTS = {f"experiments/{name}.py" for name in ("mnist", "fashion_mnist", "cifar10", "cifar100")}
PAGES = [README, *(page.read_text() for page in sorted((ROOT / "docs").glob("*.md")))]
COMMANDS = sorted({command for page in PAGES for command in re.findall(r"python (experiments/\S+\.py[^\n#`|]*)", page)})


WORDS = {"LABELS": "fourier", "RULE": "ff", "DATASET": "mnist", "NET": "deep", "PIECE": "oja", "STEP": "sign"}


def _filled(command: str) -> str:
    """A command with something in the place of its words in capitals."""
    for word, value in WORDS.items():
        command = re.sub(rf"\b{word}\b", value, command)
    return command


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_names_a_script_and_known_options(command: str) -> None:
    script, *arguments = shlex.split(_filled(command))
    assert (ROOT / script).is_file()
    if "--help" in arguments:
        return
    if script in DATASET_SCRIPTS:
        assert isinstance(parse(Settings(dataset="digits"), None, arguments), Settings)
    elif script == "experiments/hebbff_mlp.py":
        assert parse(DEFAULT, None, arguments).net in ("deep", "wide")
    elif script == "experiments/search.py":
        assert isinstance(tyro.cli(Search, args=arguments), Search)


def test_there_are_commands() -> None:
    assert len(COMMANDS) >= 5


def test_the_example_runs() -> None:
    (example,) = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    names: dict[str, object] = {}
    exec(compile(example, "README.md", "exec"), names)
    right = names["data"].test.classes
    for predicted in (names["by_goodness"], names["by_readout"]):
        assert (predicted == right).float().mean() > 0.8


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert target.startswith("http") or (ROOT / target).exists(), target
