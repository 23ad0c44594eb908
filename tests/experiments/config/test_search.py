"""A search that cannot be run is refused before anything is loaded."""

from pathlib import Path

import pytest

from experiments.config.search import Search
from experiments.config.settings import SettingsError


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"trials": 0}, "--trials must be at least 1, got 0"),
        ({"judged_images": -1}, "--judged-images must be at least 1, got -1"),
        ({"epochs": 0}, "--epochs must be at least 1, got 0"),
        ({"train_images": 1}, "--train-images must be at least 2, got 1"),
        ({"seed": -1}, r"--seed must be in \[0, 2\^63\), got -1"),
        ({"data_dir": Path("no/such/place")}, "--data-dir no/such/place does not exist"),
        ({"out": Path(__file__)}, "not a writable folder"),
    ],
)
def test_what_cannot_be_searched(changes: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        Search(**changes).settings()  # type: ignore[arg-type]


def test_the_settings_of_a_trial_are_those_of_the_search(tmp_path: Path) -> None:
    asked = Search(net="wide", rule="ff", epochs=2, train_images=100, out=tmp_path, data_dir=tmp_path)
    settings = asked.settings()
    assert (settings.net, settings.rule, settings.epochs, settings.train_images) == ("wide", "ff", 2, 100)
