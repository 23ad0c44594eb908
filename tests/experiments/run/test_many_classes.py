"""Options for many classes, on scikit-learn's digits, whose classes are put into superclasses here."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from convff import ConfusionNegatives, LabelContrast, RandomNegatives, SuperclassNegatives, TrainingState
from experiments.config.settings import Settings, SettingsError
from experiments.datasets import Dataset, load_dataset
from experiments.run.parts import Parts, prepare
from experiments.run.train import main

SUPERCLASSES = (0, 1, 2, 0, 1, 2, 0, 1, 2, 0)


@pytest.fixture(scope="module")
def digits() -> Dataset:
    digits = load_dataset("digits", None)
    parts = {"train": digits.train.part(0, 100), "test": digits.test.part(0, 40)}
    return replace(digits, **{name: replace(part, superclasses=SUPERCLASSES) for name, part in parts.items()})


def tiny(**changes: Any) -> Settings:
    return Settings(**({"dataset": "digits", "preset": "smoke", "device": "cpu", "model": "cnn6"} | changes))


def contrast_of(parts: Parts) -> LabelContrast:
    contrast = parts.new_trainer(parts.new_net(), None).step.contrast  # type: ignore[attr-defined]
    assert isinstance(contrast, LabelContrast)
    return contrast


def test_sources_of_wrong_labels(digits: Dataset) -> None:
    for name, expected in (
        (None, RandomNegatives(2)),
        ("all", RandomNegatives(2)),
        ("superclass", SuperclassNegatives(superclasses=SUPERCLASSES, count=2)),
    ):
        assert contrast_of(prepare(tiny(negatives_from=name, negatives=2), digits)).negatives == expected
    parts = prepare(tiny(negatives_from="confusion", scale=7.0), digits)
    table = contrast_of(parts).negatives
    assert isinstance(table, ConfusionNegatives)
    assert (table.num_classes, table.count, table.scale) == (10, 1, 7.0)
    assert torch.equal(table.memory["passes"], torch.ones(10, 10)), "the trial step of `prepare` leaves no trace"


def test_a_run_saves_its_table(tmp_path: Path) -> None:
    main(tiny(negatives_from="confusion", out=tmp_path, train_images=100, inference=("goodness",)))
    (folder,) = tmp_path.iterdir()
    kept = TrainingState.load(folder / "training" / "last.safetensors").part("contrast")
    assert kept["passes"].diagonal().max() < 1  # no wrong label was ever the right one
    assert (kept["passes"] > 0).all()
    assert not torch.equal(kept["passes"], torch.ones(10, 10))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"negatives_from": "superclass"}, "--negatives-from superclass needs classes with superclasses"),
        ({"negatives_from": "superclass", "label_at": "output"}, "would change nothing: no pass has a wrong label"),
        ({"negatives_from": "confusion", "rule": "local_head"}, "would change nothing: no pass has a wrong label"),
        ({"negatives_from": "confusion", "rule": "bp"}, "would change nothing: --rule bp has no local steps"),
    ],
)
def test_what_has_no_effect_or_no_superclasses_is_refused(digits: Dataset, changes: Any, message: str) -> None:
    plain = replace(digits, train=replace(digits.train, superclasses=None))
    with pytest.raises(SettingsError, match=message):
        prepare(tiny(**changes), plain)


OWN = '''
from convff import LabelContrast

class Deaf:
    """Passes its negatives' labels on, but nothing of the passes back."""
    labels = None
    def __init__(self, labels, negatives):
        self.inner, self.labels = LabelContrast(labels, negatives), labels
    def __call__(self, *arguments, **options):
        return self.inner(*arguments, **options)
'''


def test_a_contrast_that_does_not_report_to_the_table_is_refused(digits: Dataset, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(OWN)
    own = f"{tmp_path / 'mine.py'}:Deaf"
    prepare(tiny(contrast=own), digits)
    with pytest.raises(SettingsError, match="must pass its `memory` and `observe` on; Deaf has none"):
        prepare(tiny(contrast=own, negatives_from="confusion"), digits)
