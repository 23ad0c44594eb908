"""The documentation site is built without a warning, and has what it promises: `pytest -m slow tests/test_site.py`."""

import subprocess
import sys
from pathlib import Path

import pytest

from experiments.commands import COMMANDS
from tests.pages import DOCS, ROOT


def test_every_page_is_in_the_index() -> None:
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    listed = {line.strip() for line in index.splitlines()}
    assert {Path(name).stem for name in DOCS} - {"index"} <= listed


@pytest.mark.slow
def test_the_site_is_built(tmp_path: Path) -> None:
    for package in ("sphinx", "furo", "myst_parser"):
        pytest.importorskip(package)
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "-b", "html", "docs", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    reference = (tmp_path / "api" / "convff.html").read_text(encoding="utf-8")
    for name in ("LayerLocalNet", "ForwardForward", "load", "pretrained"):
        assert f'id="convff.{name}"' in reference
    commands = (tmp_path / "api" / "command-line.html").read_text(encoding="utf-8")
    for name in COMMANDS:
        assert f"usage: convff {name}" in commands
    assert "docutils" not in done.stderr
