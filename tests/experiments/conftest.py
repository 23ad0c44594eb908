"""What the tests of experiments share."""

import os

import pytest

from convff.inference import regression
from experiments.label_sets.choice import choose
from experiments.run import figures, own_figures, train
from experiments.tools import style


@pytest.fixture(autouse=True)
def _coarse(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test looks at fine lines, unless it is marked to ask how large its pictures are."""
    if request.node.get_closest_marker("fine_pictures") is None:
        monkeypatch.setitem(style.RC, "savefig.dpi", 80)


@pytest.fixture(autouse=True)
def _unflushed(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test loses power: a run waits for the disk twice for each file. `tests/convff/test_files.py` tests that."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


@pytest.fixture(autouse=True)
def _few_penalties(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two fits choose the penalty of a readout as well as five: `tests/convff/inference` tests the choice."""
    monkeypatch.setattr(regression, "PENALTIES", (1e-1, 1e-2))


@pytest.fixture
def few_candidates(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run chooses its labels from 150 candidates, and not from 2,000."""
    monkeypatch.setitem(choose.__kwdefaults__, "count", 150)


@pytest.fixture(autouse=True)
def _unreported(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A report takes more time than a tiny run: only tests that are marked write one."""
    if request.node.get_closest_marker("reports") is None:
        monkeypatch.setattr(train, "report_run", lambda *arguments, **options: None)


@pytest.fixture(autouse=True)
def _undrawn(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two figures in two formats take most of the time of a tiny run: only tests that are marked draw them."""
    if request.node.get_closest_marker("draws") is not None:
        return
    for name in ("draw_learning_curve", "draw_confusion_matrix"):
        monkeypatch.setattr(figures, name, lambda *arguments, **options: None)
    monkeypatch.setattr(own_figures, "OWN_FIGURES", ())
