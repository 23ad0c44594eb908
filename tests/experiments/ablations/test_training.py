"""How a row is trained: for its minutes, on the images of all rows, and as an ordinary run would."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.ablation import ablate
from experiments.ablations.training import measured_speed, passes, prepared, twins
from experiments.config.ablation import Ablation, read_plan
from experiments.config.settings import settings_from_json
from experiments.datasets import DATASETS
from experiments.run.parts import Parts
from experiments.run.train import main as ordinary_run
from labels import LearnedLabels
from tests.experiments.ablations.cases import ADAM, BASE, ROOT, TWO, content, drawn


@given(st.floats(1e-3, 1e6), st.floats(1e-4, 1e3), st.integers(2, 60_000))
def test_the_images_fill_the_minutes(speed: float, minutes: float, available: int) -> None:
    epochs, images = passes(speed, minutes, available)
    asked = speed * minutes * 60
    assert epochs >= 1
    assert 2 <= images <= available
    assert asked - epochs - 1 < epochs * images <= max(asked, 2 * epochs)
    if asked >= 2:
        assert (epochs - 1) * available < asked  # no more epochs than it takes


def test_a_whole_number_of_epochs_is_one() -> None:
    assert passes(1500, 1, 45_000) == (2, 45_000)
    assert passes(1500.1, 1, 45_000) == (3, 30_002)


def test_an_ordinary_run_repeats_a_row(write: Callable[..., Ablation], trained: list[Parts], tmp_path: Path) -> None:
    asked = write(BASE + ADAM, minutes=0.003)
    (row,) = content(ablate(asked))["rows"]
    settings = read_plan(asked).rows[0].settings
    numbers = {"epochs": row["epochs"], "train_images": row["images_per_epoch"], "out": tmp_path / "runs"}
    (results,) = ordinary_run(settings_from_json(replace(settings, **numbers).as_json()))
    assert results.accuracy["groups"] == row["accuracy"]
    assert results.per_layer["accuracy"] == row["per_block"]["accuracy"]
    assert results.judged_on == "30 validation images"


GREEDY = '[[row]]\nname = "one by one"\norder = "one_by_one"\noptimizer = "adam"\n'


@pytest.mark.parametrize("more", ["", "repeats = 3\n", "portions = 2\n"])
def test_an_ordinary_run_repeats_a_row_of_blocks_that_learn_one_by_one(
    more: str, write: Callable[..., Ablation], trained: list[Parts], tmp_path: Path
) -> None:
    asked = write(BASE + GREEDY + more, minutes=0.003)
    (row,) = content(ablate(asked))["rows"]
    settings = read_plan(asked).rows[0].settings
    numbers = {"epochs": row["epochs"], "train_images": row["images_per_epoch"], "out": tmp_path / "runs"}
    (results,) = ordinary_run(settings_from_json(replace(settings, **numbers).as_json()))
    assert results.accuracy["groups"] == row["accuracy"]


def test_a_measured_image_is_one_that_all_blocks_have_learnt_from(
    write: Callable[..., Ablation], monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = read_plan(write(BASE + GREEDY + "repeats = 3\n"))
    (parts,) = prepared(plan, list(plan.rows))
    blocks = len(parts.new_net())
    monkeypatch.setattr("experiments.ablations.training._speed", lambda trainer, epoch, parts, seconds: 10.0 + epoch)
    assert measured_speed(parts) == pytest.approx(1 / sum(1 / (10.0 + block) for block in range(blocks)))


def test_the_measured_training_leaves_the_labels_as_they_are(write: Callable[..., Ablation]) -> None:
    text = BASE.replace('"output"', '"image"\nlabels = "learned"').replace("mlp", "cnn3") + ADAM
    plan = read_plan(write(text))
    (parts,) = prepared(plan, list(plan.rows))
    assert isinstance(parts.labels, LearnedLabels)
    before = parts.labels.maps.detach().clone()
    assert measured_speed(parts, 0.05) > 0
    assert parts.labels.maps.equal(before)


def test_the_readout_is_added_where_it_is_asked_for(write: Callable[..., Ablation]) -> None:
    path = ablate(write(BASE + ADAM, readout=True))
    (row,) = content(path)["rows"]
    assert 0 <= row["readout"] <= 1
    assert f"| {100 * row['readout']:.1f} % |" in path.with_suffix(".md").read_text()


def test_rows_that_do_the_same_are_found(write: Callable[..., Ablation]) -> None:
    same = '[[row]]\nname = "the same"\noptimizer = "orthogonal"\n'
    other = '[[row]]\nname = "other seed"\nseed = 4\n'
    plan = read_plan(write(TWO + same + other))
    assert twins(list(plan.rows), prepared(plan, list(plan.rows))) == [("as preset", "the same")]


def files_of_tables() -> list[Any]:
    """The settings of our tables; rows of recurrent networks take steps of full size, and 20 seconds or more."""
    files = sorted((ROOT / "experiments" / "settings").glob("*.toml"))
    return [
        pytest.param(file, id=file.stem, marks=[pytest.mark.slow] if file.stem.endswith("recurrent") else [])
        for file in files
    ]


@pytest.mark.parametrize("file", files_of_tables())
def test_every_row_of_our_tables_can_be_trained(
    file: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, few_candidates: None
) -> None:
    plan = read_plan(Ablation(file=file, minutes=2, out=tmp_path, device="cpu"))
    few = drawn(40, (3, 32, 32))
    monkeypatch.setitem(DATASETS, plan.settings.dataset, lambda *arguments: few)
    assert len(prepared(plan, list(plan.rows))) == len(plan.rows)
    assert plan.settings.require_data  # never tune presets on stand-in data
    assert plan.rows[0].changes == {}  # the others are compared with it
    assert all(row.about for row in plan.rows)
