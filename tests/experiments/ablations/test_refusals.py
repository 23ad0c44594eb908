"""What cannot be trained is refused before anything is."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from experiments.ablation import ablate, main
from experiments.config.ablation import Ablation
from experiments.config.presets import PRESETS
from experiments.config.settings import SettingsError
from experiments.run.parts import Parts
from tests.experiments.ablations.cases import ADAM, BASE, ROOT, TWO


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (BASE, "tried.toml has no"),
        (TWO + "[[row]]\nlr = 0.1", "row 3 has no name"),
        (TWO + "[[row]]\nname = 3", "row 3: name must be a string"),
        (TWO + ADAM, 'row "adam": 2 rows have this name'),
        (TWO + "rate = 0.1", 'row "adam": there is no setting rate'),
        (TWO + "optimiser = 0.1", 'row "adam": there is no setting optimiser; did you mean optimizer?'),
        (TWO + "epochs = 3", 'row "adam": epochs cannot be set here: they follow from --minutes'),
        (TWO + "seeds = 3", 'row "adam": seeds cannot be set here'),
        (TWO + 'inference = ["both"]', 'row "adam": inference cannot be set here'),
        (TWO + 'dataset = "mnist"', 'row "adam": dataset cannot be set here: all rows share the data'),
        (TWO + 'device = "cuda"', 'row "adam": device cannot be set here'),
        (TWO + 'batch_size = "many"', "row \"adam\": batch_size: must be a whole number, got 'many'"),
        (TWO + "batch_size = 16.0", 'row "adam": batch_size: must be a whole number, got 16.0'),
        (TWO + "batch_size = true", 'row "adam": batch_size: must be a whole number, got True'),
        (TWO + "momentum = true", 'row "adam": momentum: must be a number, got True'),
        (TWO + "compile = 1", 'row "adam": compile: must be true or false, got 1'),
        (TWO + 'stabilise = "oja"', 'row "adam": stabilise: must be a list'),
        (TWO + 'stabilise = ["oya"]', 'row "adam": stabilise: must be one of decay'),
        (TWO + 'rule = "hebff"', 'row "adam": rule: rule hebff is unknown, did you mean hebbff'),
        (TWO + "momentum = 1.5", r'row "adam": --momentum must be in \[0, 1\), got 1.5'),
        (TWO + 'evaluate_on = "test"', 'row "adam": evaluate_on must be "validation", got "test": this table chooses'),
        (TWO.replace("seed = 3", 'evaluate_on = "test"'), r'\[base\]: evaluate_on must be "validation", got "test"'),
        (TWO.replace("seed = 3", "lr = 0"), r"\[base\]: --lr must be positive"),
        (TWO.replace("seed = 3", "epochs = 3"), r"\[base\]: epochs cannot be set here"),
        (TWO.replace("seed = 3", 'data_dir = "data"'), r"\[base\]: data_dir cannot be set here.*--data-dir"),
        (TWO.replace("usual optimiser", 'usual"'), "tried.toml cannot be read"),
        (TWO.replace('about = "the usual optimiser | of all"', "about = 3"), 'row "adam": about must be a string'),
        (TWO + "[rows]", "rows is neither"),
        ("base = 3\n" + ADAM, "settings must be in a table"),
        ("row = 3\n" + BASE, "settings must be in a table"),
        # What only the data and the parts can tell.
        (TWO + "theta = 0.5", 'row "adam": --theta 0.5 would change nothing'),
        (TWO + 'model = "cnn6"\nwidth = 4\nlabel_regions = 3', 'row "adam": '),
        (TWO + 'preset = "paper"', 'row "adam": '),
    ],
)
def test_what_cannot_be_run_is_refused_before_any_training(
    write: Callable[..., Ablation], trained: list[Parts], text: str, message: str
) -> None:
    asked = write(text)
    with pytest.raises(SettingsError, match=message):
        ablate(asked)
    assert not trained
    assert not asked.out.exists()


def test_rows_that_other_images_would_judge_are_refused(
    write: Callable[..., Ablation], trained: list[Parts], monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = PRESETS["quick"]
    monkeypatch.setitem(PRESETS, "smoke", lambda settings: replace(quick(settings), test_images=7))
    with pytest.raises(
        SettingsError, match=r'row "adam": all rows must be judged by the same images.*7.*"as preset".*30'
    ):
        ablate(write(TWO + 'preset = "smoke"'))
    assert not trained


def test_a_file_with_a_fault_loads_nothing(write: Callable[..., Ablation], loaded: list[str]) -> None:
    with pytest.raises(SettingsError):
        ablate(write(TWO + "epochs = 3"))
    assert not loaded


@pytest.mark.parametrize("minutes", [0, -1, float("nan"), float("inf")])
def test_minutes_are_positive(write: Callable[..., Ablation], minutes: float) -> None:
    with pytest.raises(SettingsError, match="--minutes must be positive"):
        ablate(write(TWO, minutes=minutes))


def test_an_unknown_row_is_refused(write: Callable[..., Ablation]) -> None:
    with pytest.raises(SettingsError, match=r"--rows adm: there is no such row; did you mean adam\?"):
        ablate(write(TWO, rows=("adm",)))


def test_the_script_exits_with_2(tmp_path: Path) -> None:
    script = [sys.executable, str(ROOT / "experiments" / "ablation.py"), str(tmp_path / "none.toml"), "--minutes", "2"]
    done = subprocess.run(script, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 2
    assert "none.toml cannot be read: No such file" in done.stderr


def test_data_that_are_missing_end_the_script_with_2(write: Callable[..., Ablation], tmp_path: Path) -> None:
    asked = write(TWO.replace("digits", "mnist"), data_dir=tmp_path / "nowhere")
    with pytest.raises(SystemExit) as end:
        main(asked)
    assert end.value.code == 2
