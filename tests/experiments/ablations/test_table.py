"""The table from the file of settings to its own files, and how it is gone on with."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from experiments.ablation import ablate, main
from experiments.ablations import training
from experiments.ablations.training import passes
from experiments.config.ablation import Ablation
from experiments.config.presets import PRESETS
from experiments.config.settings import SettingsError
from experiments.run.parts import Parts
from experiments.tools.intervals import standard_error
from tests.experiments.ablations.cases import ADAM, BASE, TWO, content


def test_two_rows_from_the_file_to_the_table(
    write: Callable[..., Ablation], trained: list[Parts], loaded: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    asked = write(TWO, minutes=0.01)
    main(asked)
    path = asked.out / "tried-0.01min-seed3.json"
    table = content(path)
    first, second = table["rows"]
    assert [row["name"] for row in table["rows"]] == ["as preset", "adam"]
    assert second["settings"] == {"optimizer": "adam", "lr": 1e-3}
    assert (second["recipe"]["optimizer"], first["recipe"]["optimizer"]) == ("adam", "orthogonal")
    assert table["split"] == {"dataset": "drawn", "is_stand_in": False, "held_out": 30, "judged": 30}
    for row, parts in zip((first, second), trained, strict=True):
        assert (row["epochs"], row["images_per_epoch"]) == passes(row["measured_images_per_second"], 0.01, 120)
        assert row["epochs"] == row["recipe"]["epochs"] == parts.recipe.epochs > 1
        assert row["images_per_epoch"] == row["recipe"]["train_images"] == len(parts.train)
        trained_images = row["epochs"] * row["images_per_epoch"]
        assert row["images_per_second"] == pytest.approx(trained_images / row["seconds"])
        assert row["evaluation"] == "groups"
        assert 0 <= row["accuracy"] <= 1
        assert row["readout"] is None
        assert len(row["per_block"]["accuracy"]) == 3
        assert {"hardware", "versions", "git_commit", "precision"} <= set(row)

    # Both rows learn from the same images and are judged by the same ones, which were loaded once.
    assert loaded == ["digits"]
    one, other = trained
    assert one.judged.images.data_ptr() == other.judged.images.data_ptr()
    assert one.train.images.data_ptr() == other.train.images.data_ptr()
    assert one.judged.images.data_ptr() != one.train.images.data_ptr()
    assert len(one.judged) == len(other.judged) == 30

    text = path.with_suffix(".md").read_text()
    accuracy, difference = first["accuracy"], 100 * (second["accuracy"] - first["accuracy"])
    assert f"| as preset | - | {100 * accuracy:.1f} % (groups) | - |" in text
    assert f"% (groups) | {difference:+.1f} |" in text
    assert "the usual optimiser \\| of all |" in text
    assert f"{100 * standard_error(accuracy, 30):.2f} points" in text
    assert "readout" not in text
    for written in (text, path.read_text()):
        assert str(asked.out.parent) not in written
        assert "/a/place" not in written
    assert {file.name for file in asked.out.iterdir()} == {path.name, path.with_suffix(".md").name}
    assert f"the table is {path.with_suffix('.md')}" in capsys.readouterr().out


def test_a_cut_run_keeps_its_rows_and_is_gone_on_with(
    write: Callable[..., Ablation], trained: list[Parts], monkeypatch: pytest.MonkeyPatch
) -> None:
    judged = training._trained_and_judged

    def cut(parts: Parts, readout: bool) -> dict[str, Any]:
        if trained:
            raise KeyboardInterrupt
        return judged(parts, readout)

    asked = write(TWO)
    path = asked.out / "tried-0.001min-seed3.json"
    with monkeypatch.context() as patch:
        patch.setattr(training, "_trained_and_judged", cut)
        with pytest.raises(KeyboardInterrupt):
            ablate(asked)
    (kept,) = content(path)["rows"]
    assert kept["name"] == "as preset"
    assert "| as preset |" in path.with_suffix(".md").read_text()

    with pytest.raises(SettingsError, match="exists: continue it with --resume"):
        ablate(asked)
    assert content(path)["rows"] == [kept]

    assert ablate(replace(asked, resume=True)) == path
    first, second = content(path)["rows"]
    assert first == kept
    assert second["name"] == "adam"
    assert [parts.recipe.optimizer for parts in trained] == ["orthogonal", "adam"]
    ablate(replace(asked, resume=True))
    assert len(trained) == 2


def test_rows_by_name_come_into_the_order_of_the_file(write: Callable[..., Ablation], trained: list[Parts]) -> None:
    asked = write(TWO, rows=("adam",))
    path = ablate(asked)
    assert [row["name"] for row in content(path)["rows"]] == ["adam"]
    assert "(groups) | - |" in path.with_suffix(".md").read_text()  # nothing to compare with yet
    ablate(replace(asked, rows=(), resume=True))
    assert [row["name"] for row in content(path)["rows"]] == ["as preset", "adam"]
    assert len(trained) == 2


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"text": TWO.replace("width = 20", "width = 30")}, "has another base"),
        ({"readout": True}, "has another readout"),
        ({"text": TWO.replace("1e-3", "1e-2")}, 'row "adam" of .* was trained with'),
        ({"minutes": 0.002}, "has another minutes: 0.001, but now it is 0.002"),
        ({"broken": True}, "is not a table of this script"),
        ({"judged": 31}, "were judged by .*31"),
    ],
)
def test_a_table_of_other_settings_is_not_gone_on_with(
    write: Callable[..., Ablation], trained: list[Parts], changed: dict[str, Any], message: str
) -> None:
    path = ablate(write(TWO, rows=("adam",)))
    table = content(path)
    if "minutes" in changed:  # which are in the name of the file
        path.rename(path.with_name("tried-0.002min-seed3.json"))
    elif "judged" in changed:
        path.write_text(json.dumps(table | {"split": table["split"] | {"judged": changed.pop("judged")}}))
    elif changed.pop("broken", False):
        path.write_text("[]")
    with pytest.raises(SettingsError, match=message):
        ablate(write(changed.pop("text", TWO), resume=True, **changed))
    assert len(trained) == 1


def test_another_seed_is_another_table(write: Callable[..., Ablation], trained: list[Parts]) -> None:
    path = ablate(write(BASE + ADAM, seed=7))
    assert path.name == "tried-0.001min-seed7.json"
    assert content(path)["base"]["seed"] == 7
    assert trained[0].settings.seed == 7


def test_a_row_that_diverges_is_recorded_and_the_next_one_trained(write: Callable[..., Ablation]) -> None:
    path = ablate(write(BASE + '[[row]]\nname = "too fast"\noptimizer = "sgd"\nlr = 1e30\n' + ADAM))
    fast, adam = content(path)["rows"]
    assert fast["accuracy"] is None
    assert "diverged" in fast["diverged"]
    assert adam["accuracy"] is not None
    text = path.with_suffix(".md").read_text()
    assert "| too fast | optimizer sgd, lr 1e+30 | diverged | - |" in text


def test_the_file_of_an_own_part_is_recorded_without_its_folder(write: Callable[..., Ablation], tmp_path: Path) -> None:
    own = tmp_path / "mine.py"
    own.write_text("from convff import ForwardForward\n\n\nclass Mine(ForwardForward):\n    pass\n")
    path = ablate(write(BASE + f'[[row]]\nname = "own"\nrule = "{own}:Mine"\n'))
    assert content(path)["rows"][0]["settings"] == {"rule": "mine.py:Mine"}
    assert str(tmp_path) not in path.read_text() + path.with_suffix(".md").read_text()


def test_a_table_whose_preset_has_changed_is_not_gone_on_with(
    write: Callable[..., Ablation], trained: list[Parts], monkeypatch: pytest.MonkeyPatch
) -> None:
    ablate(write(TWO, rows=("adam",)))
    quick = PRESETS["quick"]
    monkeypatch.setitem(PRESETS, "quick", lambda settings: replace(quick(settings), momentum=0.8))
    message = 'row "adam" of .* was trained with momentum 0.9, and would be with 0.8 now: a preset has changed'
    with pytest.raises(SettingsError, match=message):
        ablate(write(TWO, resume=True))
    assert len(trained) == 1
