"""The README keeps its word: its commands exist, its example runs, its set-up is what CI runs."""

import re
import shlex
from pathlib import Path

import pytest

from experiments.settings import Settings, parse

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
DATASET_SCRIPTS = {f"experiments/{name}.py" for name in ("mnist", "fashion_mnist", "cifar10", "cifar100")}
COMMANDS = sorted(set(re.findall(r"python (experiments/\S+\.py[^\n#`|]*)", README)))


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_names_a_script_and_known_options(command: str) -> None:
    script, *arguments = shlex.split(command.replace("LABELS", "fourier").replace("RULE", "ff"))
    assert (ROOT / script).is_file()
    if script in DATASET_SCRIPTS and "--help" not in arguments:
        assert isinstance(parse(Settings(dataset="digits"), None, arguments), Settings)


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
