"""The notebooks under docs/notebooks: plain files without outputs, whose cells run in order, without Jupyter."""

import json
import os
import re
import time
from pathlib import Path
from typing import Any

import matplotlib
import pytest

from tests.pages import DOCS, ROOT

FOLDER = ROOT / "docs" / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
MINUTES = 3


def cells(path: Path, kind: str) -> list[str]:
    """The text of the cells of a kind."""
    content = json.loads(path.read_text(encoding="utf-8"))
    return ["".join(cell["source"]) for cell in content["cells"] if cell["cell_type"] == kind]


def test_there_are_notebooks_and_the_page_names_them() -> None:
    assert len(NOTEBOOKS) == 3
    for path in NOTEBOOKS:
        assert f"](notebooks/{path.name})" in DOCS["using.md"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_has_no_outputs_and_plain_python(path: Path) -> None:
    content = json.loads(path.read_text(encoding="utf-8"))
    assert (content["nbformat"], content["nbformat_minor"]) == (4, 5)
    assert len({cell["id"] for cell in content["cells"]}) == len(content["cells"])
    for cell in content["cells"]:
        if cell["cell_type"] == "code":
            assert (cell["outputs"], cell["execution_count"]) == ([], None)
            compile("".join(cell["source"]), path.name, "exec")  # no magics: it runs as plain Python
        assert all(len(line) <= 121 for line in cell["source"])  # with its end


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_links_of_a_notebook_lead_somewhere(path: Path) -> None:
    targets = re.findall(r"\]\(([^)#]+)[^)]*\)", "\n".join(cells(path, "markdown")))
    assert targets
    for target in targets:
        assert target.startswith("http") or (FOLDER / target).exists(), target


def executed(path: Path, place: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What a notebook has defined once its cells have run, in a folder of its own, without a screen."""
    monkeypatch.chdir(place)
    monkeypatch.setenv("MPLBACKEND", "Agg")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    names: dict[str, Any] = {"__name__": "__main__"}
    started = time.monotonic()
    for number, code in enumerate(cells(path, "code")):
        exec(compile(code, f"{path.name}, cell {number}", "exec"), names)
        plt.close("all")
    assert time.monotonic() - started < 60 * MINUTES
    return names


@pytest.mark.slow
def test_forward_forward_is_learnt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = executed(FOLDER / "forward_forward.ipynb", tmp_path, monkeypatch)
    assert names["accuracy"] > 0.9
    assert names["hebbian_accuracy"] > 0.9
    assert 0.5 < names["control"] < 1


@pytest.mark.slow
def test_maps_sum_to_scores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = executed(FOLDER / "what_it_looks_at.ipynb", tmp_path, monkeypatch)
    maps = names["maps"]
    assert maps.shares().sum(dim=1).tolist() == pytest.approx(maps.scores.tolist(), rel=1e-3)
    assert names["right"] >= 15
    assert set(names["named"]) <= set(names["objects"].class_names)


@pytest.mark.slow
def test_photographs_are_learnt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = executed(FOLDER / "your_photographs.ipynb", tmp_path, monkeypatch)
    assert names["accuracy"] > 0.8
    assert (tmp_path / "explained.png").stat().st_size > 1000
