"""Options for many classes, on scikit-learn's digits, whose classes are put into superclasses here."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from convff import ConfusionNegatives, LabelContrast, RandomNegatives, SuperclassNegatives, TrainingState, block_scores
from experiments.config.command_line import check
from experiments.config.settings import Settings, SettingsError
from experiments.datasets import Dataset, load_dataset
from experiments.maps.scores import score_maps
from experiments.run import folder as run_folder
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
    parts = prepare(tiny(negatives_from="confusion", negatives=1, scale=7.0), digits)
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
        (
            {"negatives_from": "superclass"},
            "--negatives-from superclass needs data with superclasses, which scikit-learn digits lacks",
        ),
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


def test_widths_of_coarse_blocks_are_rounded_to_superclasses(
    digits: Dataset, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = tiny(label_at="output", coarse_blocks=2, widths=(8, 14, 32))
    assert prepare(asked, digits).recipe.model_options["widths"] == (9, 15, 30)
    assert "widths (8, 14, 32) rounded to (9, 15, 30)" in capsys.readouterr().out
    flat = replace(asked, model="mlp")
    assert prepare(flat, digits).recipe.model_options["widths"] == (9, 15, 30)
    for other, widths in (("cnn3", {"width": 32, "widths": None}), ("resnet", {"widths": (20, 40)})):
        options = prepare(replace(asked, model=other, coarse_blocks=1, **widths), digits).recipe.model_options
        assert options.get("width", 30) == 30
        assert options.get("widths", (30, 30)) in ((30, 30), (30, 60))


@pytest.mark.parametrize("at", ["output", "blocks", "gains", "stream", "beside", "local_head"])
def test_a_run_with_coarse_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, digits: Dataset, at: str) -> None:
    monkeypatch.setattr("experiments.run.data.load_dataset", lambda *_, **__: digits)
    place = {"rule": "local_head"} if at == "local_head" else {"label_at": at}
    options = {"coarse_blocks": 2, "widths": (12, 12, 20), "inference": ("goodness",), "out": tmp_path}
    (results,) = main(tiny(**options, **place, precision="float32"))
    (folder,) = tmp_path.iterdir()
    assert len(results.per_layer["accuracy"]) == 3
    trained = run_folder.read_with_network(run_folder.read(folder))
    context = trained.parts.evaluator().run
    assert context.first_scored_of(trained.net) == 2
    maps, images = score_maps(trained, 2), trained.parts.judged.images[:5] / 255
    assert maps is not None
    beside = trained.modules.get("beside")
    expected = block_scores(trained.net, images, trained.parts.labels, trained.parts.rule, beside)[2:].sum(dim=0)  # type: ignore[arg-type]
    assert torch.allclose(maps.model(images), expected, rtol=1e-4, atol=1e-5)
    own = trained.parts.evaluator().own(trained.net, trained.modules)
    assert own.value == next(score["value"] for score in results.scores.values())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"label_at": "image"}, "--coarse-blocks 1 would change nothing: each pass carries a class, right or wrong"),
        ({"rule": "bp"}, "--coarse-blocks 1 would change nothing: --rule bp has no local steps"),
        ({"label_at": "output"}, "--coarse-blocks 1 needs data with superclasses, which .* lacks"),
    ],
)
def test_coarse_blocks_that_cannot_be_are_refused(digits: Dataset, changes: Any, message: str) -> None:
    plain = replace(digits, train=replace(digits.train, superclasses=None))
    with pytest.raises(SettingsError, match=message):
        prepare(tiny(coarse_blocks=1, **changes), plain)


def test_a_block_must_be_left_for_the_classes(digits: Dataset) -> None:
    with pytest.raises(SettingsError, match="must leave a block that learns the classes, got 2 of 2 blocks"):
        prepare(tiny(label_at="output", coarse_blocks=2, widths=(20, 20)), digits)


def test_coarse_blocks_out_of_range() -> None:
    with pytest.raises(SettingsError, match="--coarse-blocks must be at least 1, got 0"):
        check(tiny(coarse_blocks=0))


def test_label_planes(digits: Dataset) -> None:
    parts = prepare(tiny(labels="channel", label_planes=6, seed=4), digits)
    assert parts.labels.spec() | {"image_size": None} == {
        **{"family": "channel", "num_classes": 10, "image_size": None},
        **{"planes": "codes", "count": 6, "seed": 4},
    }
    assert parts.input_shape[0] == 7
    assert prepare(tiny(labels="channel"), digits).input_shape[0] == 11


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"labels": "fourier", "label_planes": 8},
            "--label-planes 8 would change nothing: --labels fourier has no planes",
        ),
        ({"label_at": "output", "label_planes": 8}, "--label-planes 8 would change nothing"),
        ({"labels": "channel", "label_planes": 3}, "10 classes need 4 to 10000 planes of code words, got 3"),
    ],
)
def test_label_planes_that_cannot_be_are_refused(digits: Dataset, changes: Any, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        prepare(tiny(**changes), digits)
