"""The structure of the code: which package knows which, and what no package does."""

import ast
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import get_args

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("convff", "labels", "cam")
ALLOWED = {"convff": {"convff"}, "labels": {"labels"}, "cam": {"cam"}, "experiments": {*PACKAGES, "experiments"}}
ALSO = {"convff/labels.py": "labels", "convff/cam.py": "cam", "convff/__main__.py": "experiments"}
"""What gives users another name of a package, or the command line; nothing of ours imports it at once."""
FILES = [path for package in ALLOWED for path in sorted((ROOT / package).rglob("*.py"))]


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def imported(tree: ast.AST) -> set[str]:
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute here"
            names.add(str(node.module).split(".")[0])
    return names


@pytest.mark.parametrize("path", FILES, ids=name)
def test_imports_point_one_way(path: Path) -> None:
    package = path.relative_to(ROOT).parts[0]
    ours = imported(ast.parse(path.read_text())) & {*ALLOWED, "tests"}
    assert ours - {ALSO.get(name(path))} <= ALLOWED[package]


@pytest.mark.parametrize("path", [path for path in FILES if path.relative_to(ROOT).parts[0] != "experiments"], ids=name)
def test_packages_are_silent_and_draw_nothing_from_global_randomness(path: Path) -> None:
    tree = ast.parse(path.read_text())
    calls = [ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)]
    forbidden = {"print", "torch.manual_seed", "torch.seed", "torch.load", "pickle.load", "exit", "sys.exit"}
    if path.relative_to(ROOT).as_posix() == "convff/testing/cases.py":
        forbidden.remove("torch.load")  # of what it has just written to memory: no file is opened
    assert not forbidden & set(calls)
    assert not any(call.endswith(".cuda") or call.startswith(("np.random", "random.")) for call in calls)
    assert not {"argparse", "tyro", "matplotlib", "tqdm", "pickle"} & imported(tree)


@pytest.mark.parametrize("path", sorted((ROOT / "convff" / "rules").glob("*.py")), ids=name)
def test_no_rule_knows_a_learning_rate(path: Path) -> None:
    nodes = list(ast.walk(ast.parse(path.read_text())))
    names = {node.id for node in nodes if isinstance(node, ast.Name)}
    names |= {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    names |= {str(node.arg) for node in nodes if isinstance(node, ast.keyword | ast.arg)}
    assert not {"lr", "learning_rate", "rate"} & names


def test_no_script_hides_a_package() -> None:
    scripts = {path.stem for path in (ROOT / "experiments").glob("*.py")}
    assert not scripts & {*PACKAGES, "experiments", "tests"}


def _offered(names: object) -> set[str]:
    """The names of an option: of a literal type, or those that the help of a part shows beside FILE.py:NAME."""
    first, *others = get_args(names)
    return {first, *others} if first is not str else set(others[0].metavar.strip("{}").split(",")) - {"FILE.py:NAME"}


def test_the_command_line_offers_what_the_tables_hold() -> None:
    from convff import (
        AUGMENTATIONS,
        CONTRASTS,
        EVALUATIONS,
        GATES,
        MODELS,
        OPTIMIZERS,
        ORDERS,
        PLACES,
        REDUCTIONS,
        REGIMES,
        RULES,
        STABILISERS,
    )
    from experiments import benchmark
    from experiments.benchmarks import SECTIONS
    from experiments.characters import settings as characters
    from experiments.config import choices, settings
    from experiments.config.presets import PRESETS
    from experiments.datasets import DATASETS
    from experiments.label_sets.choice import CHOOSABLE
    from labels import LABELS

    pairs = [
        (choices.RuleName, RULES),
        (choices.LabelName, LABELS),
        (choices.ModelName, MODELS),
        (choices.GateName, GATES),
        (choices.ContrastName, CONTRASTS),
        (choices.EvaluationName, ["both", *EVALUATIONS]),
        (choices.PlaceName, PLACES),
        (choices.StabiliserName, STABILISERS),
        (choices.OptimizerName, OPTIMIZERS),
        (choices.AugmentName, AUGMENTATIONS),
        (choices.OrderName, ORDERS),
        (choices.ReductionName, REDUCTIONS),
        (choices.DatasetName, DATASETS),
        (choices.PresetName, [*PRESETS, *settings.RENAMED]),
        (benchmark.SectionName, SECTIONS),
        (characters.RegimeName, ["all", *REGIMES]),
        (characters.StepName, OPTIMIZERS),
    ]
    for names, table in pairs:
        assert _offered(names) == set(table)
    assert _offered(choices.LabelName) >= set(CHOOSABLE)


def test_names_on_the_command_line_come_from_the_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from experiments.config import names

    (tmp_path / "table.py").write_text("THING = 3\nRULES: dict[str, int] = {'mine': 1, 'yours': 2}\nBAD = {THING: 1}\n")
    monkeypatch.setattr(names, "ROOT", tmp_path)
    assert names.names_in("table.py", "RULES") == ("mine", "yours")
    for table in ("BAD", "THING", "NONE"):
        with pytest.raises(LookupError, match=f"table.py has no table {table}"):
            names.names_in("table.py", table)


def test_every_override_is_a_number_of_the_recipe() -> None:
    from experiments.config.overrides import Overrides
    from experiments.config.recipe import Recipe

    assert {each.name for each in fields(Overrides)} <= {each.name for each in fields(Recipe)}


@pytest.mark.parametrize(
    ("script", "option"),
    [
        (name, "--labels")
        for name in (
            "mnist",
            "fashion_mnist",
            "cifar10",
            "cifar100",
            "greedy",
            "hinton_mlp",
            "unsupervised",
            "recurrent",
        )
    ]
    + [("benchmark", "--sections"), ("label_gallery", "--classes")]
    + [(name, "--out") for name in ("figures", "cam_figures", "hinton_extras", "next_character")],
)
def test_help_imports_no_torch(script: str, option: str) -> None:
    """What --help loads, it loads before any import of torch; else it takes seconds instead of a quarter of one."""
    program = (
        "import sys, runpy\n"
        f"sys.argv = ['{script}.py', '--help']\n"
        f"try:\n    runpy.run_path({str(ROOT / 'experiments' / (script + '.py'))!r}, run_name='__main__')\n"
        "except SystemExit as end:\n    assert not end.code, end.code\n"
        "heavy = {'torch', 'torchvision', 'matplotlib', 'sklearn'} & set(sys.modules)\n"
        "sys.exit(f'loaded: {heavy}' if heavy else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    assert option in done.stdout


def test_labels_work_without_the_rest() -> None:
    program = "import sys, labels; sys.exit(bool({'convff', 'experiments', 'cam'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False).returncode == 0
