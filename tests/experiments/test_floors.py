"""What the `quick` preset must reach on real data. Minutes each: `pytest -m slow`, with CONVFF_DATA set."""

import os
from pathlib import Path

import pytest

from experiments.characters.run import main as learn_characters
from experiments.characters.settings import NextCharacter
from experiments.config.settings import Settings
from experiments.run.train import main

FLOORS = [
    ({"dataset": "mnist", "labels": "fourier", "rule": "ff"}, 0.95),
    ({"dataset": "mnist", "labels": "fourier", "rule": "hebbff"}, 0.92),
    ({"dataset": "mnist", "labels": "onehot", "rule": "ff", "model": "mlp"}, 0.96),
    ({"dataset": "cifar10", "labels": "channel", "rule": "ff"}, 0.52),
    ({"dataset": "cifar10", "labels": "fourier", "rule": "ff"}, 0.46),
    ({"dataset": "cifar10", "labels": "fourier", "rule": "hebbff"}, 0.42),
    ({"dataset": "cifar10", "labels": "morph", "rule": "ff"}, 0.35),
    ({"dataset": "cifar10", "labels": "morph", "rule": "hebbff"}, 0.33),
]


@pytest.mark.slow
@pytest.mark.skipif("CONVFF_DATA" not in os.environ, reason="CONVFF_DATA is not set")
@pytest.mark.parametrize(
    ("names", "floor"), FLOORS, ids=lambda value: "-".join(value.values()) if isinstance(value, dict) else ""
)
def test_quick_reaches_its_floor(tmp_path: Path, names: dict[str, str], floor: float) -> None:
    settings = Settings(**names, out=tmp_path, inference=("goodness",), require_data=True)  # type: ignore[arg-type]
    (results,) = main(settings)
    assert results.accuracy["goodness"] is not None
    assert results.accuracy["goodness"] >= floor


@pytest.mark.slow
@pytest.mark.skipif("CONVFF_DATA" not in os.environ, reason="CONVFF_DATA is not set")
def test_learnt_features_predict_characters_better_than_random_ones(tmp_path: Path) -> None:
    (results,) = learn_characters(NextCharacter(updates=60, out=tmp_path))
    assert not results["is_stand_in"]
    random, teacher, combined, separated = results["regimes"].values()
    for measure in ("perplexity", "held_out_perplexity"):
        assert all(learnt[measure] < random[measure] for learnt in (teacher, combined, separated))
        assert combined[measure] == pytest.approx(separated[measure], rel=0.1)
