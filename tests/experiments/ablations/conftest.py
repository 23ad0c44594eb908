"""What the tests of these tables share."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from experiments.ablations import training
from experiments.config.ablation import Ablation
from experiments.datasets import DATASETS
from experiments.run.parts import Parts
from tests.experiments.ablations.cases import drawn


@pytest.fixture(autouse=True)
def loaded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Few drawn images instead of the digits; returns what was loaded."""
    names: list[str] = []
    few = drawn(150, (1, 8, 8))
    monkeypatch.setitem(DATASETS, "digits", lambda *arguments: names.append("digits") or few)
    return names


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Ablation]:
    """Writes a table of settings, and returns what the script is asked for."""

    def write(text: str, **asked: Any) -> Ablation:
        file = tmp_path / "tried.toml"
        file.write_text(text)
        return Ablation(**({"file": file, "minutes": 0.001, "out": tmp_path / "out", "device": "cpu"} | asked))

    return write


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[Parts]:
    """What was trained, not to be measured."""
    parts: list[Parts] = []
    judged = training._trained_and_judged
    monkeypatch.setattr(
        training, "_trained_and_judged", lambda each, readout: parts.append(each) or judged(each, readout)
    )
    return parts
