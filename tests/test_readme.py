"""The README and the pages keep their word: commands exist, examples run, links lead somewhere."""

import re
import shlex
from functools import partial
from importlib import import_module
from pathlib import Path

import pytest
import tyro

from experiments import greedy, hinton_mlp, recurrent, unsupervised
from experiments.characters.settings import NextCharacter
from experiments.commands import COMMANDS
from experiments.config.command_line import parse
from experiments.config.settings import Settings
from experiments.ghl import DEFAULT as GHL
from experiments.hebbff_mlp import DEFAULT as HEBBFF
from experiments.hinton_extras import Extras
from experiments.search import Search
from experiments.softhebb import DEFAULT as SOFTHEBB
from tests.pages import DOCS, PAGES, README, ROOT, commands, filled, python_blocks, tool_commands

DATASET_SCRIPTS = {f"experiments/{name}.py" for name in ("mnist", "fashion_mnist", "cifar10", "cifar100")}
OF_SYSTEMS = {  # scripts with networks of their own: what reads their command line, and the networks
    "experiments/hebbff_mlp.py": (partial(parse, HEBBFF, None), ("deep", "wide")),
    "experiments/greedy.py": (greedy.asked_for, ("greedy",)),
    "experiments/ghl.py": (partial(parse, GHL, None), ("deephebb", "fasthebb", "resnet_he")),
    "experiments/softhebb.py": (partial(parse, SOFTHEBB, None), ("deephebb",)),
    "experiments/hinton_mlp.py": (hinton_mlp.asked_for, ("hinton",)),
    "experiments/recurrent.py": (recurrent.asked_for, ("recurrent_mlp", "recurrent_local")),
    "experiments/unsupervised.py": (unsupervised.asked_for, (None, "local", "dense", "cnn3", "cnn6")),
}
PARSED = {
    "experiments/search.py": Search,
    "experiments/hinton_extras.py": Extras,
    "experiments/next_character.py": NextCharacter,
}
MOST_WORDS, MOST_LINES, WIDE = 1800, 200, 140


@pytest.mark.parametrize("command", commands())
def test_every_command_names_a_script_and_known_options(command: str, tmp_path: Path) -> None:
    for split in ("train", "test"):
        (tmp_path / split).mkdir()
    (tmp_path / "settings.json").touch()  # a run folder has one
    script, *arguments = (str(tmp_path) if word in ("PATH", "RUN") else word for word in shlex.split(filled(command)))
    assert (ROOT / script).is_file()
    if "--help" in arguments:
        return
    if "./mine.py:Covariance" in arguments:
        arguments[arguments.index("./mine.py:Covariance")] = "ff"  # the file is in the README
    if script in DATASET_SCRIPTS:
        assert isinstance(parse(Settings(dataset="digits"), None, arguments), Settings)
    elif script in OF_SYSTEMS:
        read, nets = OF_SYSTEMS[script]
        settings = read(arguments)
        for each in settings if isinstance(settings, list) else [settings]:
            assert (each.net or each.model) in nets
    elif script in PARSED:
        assert isinstance(tyro.cli(PARSED[script], args=arguments), PARSED[script])


@pytest.mark.parametrize("command", tool_commands())
def test_every_command_of_the_tool_is_parsed(command: str) -> None:
    name, *arguments = shlex.split(command)
    options = import_module(f"experiments.commands.{name}").Options
    assert isinstance(tyro.cli(options, args=arguments), options)


def test_there_are_commands() -> None:
    assert len(commands()) >= 20
    assert {command.split()[0] for command in tool_commands()} == set(COMMANDS)


def test_the_first_screen_is_short_and_has_a_picture() -> None:
    lines = README.splitlines()
    assert len(README.split()) <= MOST_WORDS
    assert len(lines) <= MOST_LINES
    assert [line for line in lines if len(line) > WIDE and not line.startswith(("|", "!"))] == []
    assert re.search(r"!\[[^\]]+\]\(docs/\w+\.png\)", "\n".join(lines[:20]))


def test_the_example_of_the_library_runs() -> None:
    example, _ = python_blocks(README)
    assert "experiments" not in example
    names: dict[str, object] = {}
    exec(compile(example, "README.md", "exec"), names)
    right = names["test"].classes  # type: ignore[attr-defined]
    assert (names["predicted"] == right).float().mean() > 0.9  # type: ignore[attr-defined]
    maps = names["maps"]
    assert maps.shares().sum(dim=1) == pytest.approx(maps.scores, rel=1e-4)  # type: ignore[attr-defined]


def test_the_rule_of_the_readme_fits() -> None:
    _, rule = python_blocks(README)
    exec(compile(rule, "README.md", "exec"), {"__name__": "__main__"})


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_somewhere(name: str) -> None:
    folder = ROOT if name == "README.md" else ROOT / "docs"
    for target, heading in re.findall(r"\]\(([^)#]*)#?([^)]*)\)", PAGES[name]):
        if target.startswith("http"):
            continue
        assert not target or (folder / target).exists(), target
        if heading:
            page = PAGES[name] if not target else (folder / target).read_text(encoding="utf-8")
            assert heading in _anchors(page), f"{target}#{heading}"


def _anchors(page: str) -> list[str]:
    """The names of the headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page, flags=re.MULTILINE)
    return [re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings]


def test_every_page_can_be_reached_from_the_readme() -> None:
    reached, waiting = set(), [README]
    while waiting:
        for target in re.findall(r"\]\((?:docs/)?([\w-]+\.md)", waiting.pop()):
            if target in DOCS and target not in reached:
                reached.add(target)
                waiting.append(DOCS[target])
    assert reached == set(DOCS)
