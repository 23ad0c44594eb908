"""Our own warnings fail tests; those of other packages do not fail a user's."""

import ast
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
OURS = {"TrainingWarning", "CompilationWarning", "MemoryWarning", "NoEvidenceWarning"}
# Raised inside another package, and put down to the line of ours that called it, as torch puts down its deprecations.
THEIRS = "import convff.data, warnings\nwarnings.warn_explicit('gone soon', {}, convff.data.__file__, 1, 'convff.data')"


STATEMENTS = [
    (THEIRS.format("FutureWarning"), "passed"),
    (THEIRS.format("DeprecationWarning"), "passed"),
    (THEIRS.format("UserWarning"), "passed"),
    (THEIRS.format("RuntimeWarning"), "failed"),  # numpy's, of our own arithmetic
    ("import convff, warnings; warnings.warn('dead layer', convff.TrainingWarning)", "failed"),
    ("import convff.training.compiled as c, warnings; warnings.warn('no compiler', c.CompilationWarning)", "failed"),
    ("import convff, warnings; warnings.warn('no room', convff.MemoryWarning)", "failed"),
    ("import cam, warnings; warnings.warn('empty map', cam.NoEvidenceWarning)", "failed"),
    ("import warnings; warnings.warn('anything')", "passed"),
]


def test_whose_warnings_are_errors(tmp_path: Path) -> None:
    tests = (
        f"def test_{number}():\n" + "".join(f"    {line}\n" for line in statement.splitlines())
        for number, (statement, _) in enumerate(STATEMENTS)
    )
    (tmp_path / "test_all.py").write_text("\n".join(tests))
    command = [
        "-m",
        "pytest",
        "-v",
        "-n",
        "0",
        "-c",
        str(ROOT / "pyproject.toml"),
        "--rootdir",
        str(ROOT),
        "-p",
        "no:cacheprovider",
    ]
    alone = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(
        [sys.executable, *command, str(tmp_path / "test_all.py")],
        cwd=ROOT,
        env=alone,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    for number, (statement, outcome) in enumerate(STATEMENTS):
        assert re.search(rf"::test_{number} {outcome.upper()}", done.stdout), (statement, done.stdout)


def test_every_warning_of_ours_has_a_class_of_its_own_and_is_an_error() -> None:
    raised = set()
    for package in ("convff", "labels", "cam", "experiments"):
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call) and ast.unparse(node.func) == "warnings.warn":
                    assert len(node.args) > 1, path
                    raised.add(ast.unparse(node.args[1]))
    assert raised == OURS
    filters = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pytest"]["ini_options"]["filterwarnings"]
    assert {line.rpartition(".")[2] for line in filters if line.startswith("error::c")} == OURS
