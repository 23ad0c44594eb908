"""`--label-selection`, on a small CIFAR-100 in torchvision's format and on scikit-learn's digits."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from experiments import datasets
from experiments.config.command_line import parse
from experiments.config.settings import Settings, SettingsError
from experiments.datasets import cifar100
from experiments.datasets.known import load_known
from experiments.label_sets.choice import CHOOSABLE, choose, reported_correlations
from experiments.run.parts import prepare
from experiments.run.train import main
from experiments.table import table
from labels import FourierLabels, MorphLabels, labels_from_spec
from labels.correlation import chain_correlations, wave_correlations
from labels.select import off_diagonal
from tests.experiments.datasets.test_datasets import small_cifar


@pytest.fixture
def small_cifar100(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """200 training and 200 test images, found by `--data-dir` as the real ones are."""
    small = small_cifar(cifar100.KNOWN.torchvision_class(), tmp_path / "data", 100)
    known = replace(cifar100.KNOWN, torchvision_class=lambda: small)
    monkeypatch.setitem(datasets.DATASETS, "cifar100", lambda place, require: load_known(known, place, require))
    return tmp_path / "data"


@pytest.mark.parametrize(
    ("preset", "labels", "selection"),
    [
        ("smoke", "morph", "random"),
        pytest.param("quick", "fourier", "optimised", marks=pytest.mark.slow),
        pytest.param("quick", "fourier", "random", marks=pytest.mark.slow),
    ],
)
def test_cifar100_runs(small_cifar100: Path, tmp_path: Path, preset: str, labels: str, selection: str) -> None:
    script = ["--labels", labels, "--preset", preset, "--label-selection", selection, "--require-data"]
    small = ["--epochs", "1", "--train-images", "60", "--width", "8", "--inference", "linear", "--device", "cpu"]
    places = ["--data-dir", str(small_cifar100), "--out", str(tmp_path / "runs")]
    (results,) = main(parse(Settings(dataset="cifar100"), None, [*script, *small, *places]))
    assert (results.labels, results.label_selection) == (labels, selection)
    (folder,) = (tmp_path / "runs").iterdir()
    saved = json.loads((folder / "settings.json").read_text())
    generator = labels_from_spec(saved["labels"])
    assert generator.num_classes == 100
    assert json.loads((folder / "results.json").read_text())["label_selection"] == selection
    assert f"| {labels} ({selection}) |" in table([folder])
    if isinstance(generator, FourierLabels):
        largest = off_diagonal(wave_correlations(generator.waves, (32, 32))).max()
        assert (largest <= 0.09) == (selection == "optimised")
    else:
        assert isinstance(generator, MorphLabels)
        largest = off_diagonal(chain_correlations(generator.chains)).max()
        assert (largest <= 0.6) == (selection == "optimised")


def digits(out: Path, **changes: object) -> Settings:
    options = {"dataset": "digits", "preset": "smoke", "out": out, "device": "cpu"} | changes
    return Settings(**options)  # type: ignore[arg-type]


@pytest.mark.parametrize("labels", ["fourier", "morph"])
@pytest.mark.parametrize("selection", ["optimised", "random"])
def test_the_choice_is_keyed_by_the_seed(labels: str, selection: str) -> None:
    options = {"num_classes": 9, "image_size": (8, 8), "kernel_size": 3, "count": 60}
    first, again, other = (
        choose(labels, selection, seed=seed, **options).labels.spec()  # type: ignore[arg-type]
        for seed in (0, 0, 1)
    )
    assert first == again != other


def test_a_runs_labels_are_keyed_by_its_seed(tmp_path: Path) -> None:
    one, another = (prepare(digits(tmp_path, label_selection="random", seed=seed)).labels.spec() for seed in (0, 1))
    assert one != another


def test_set_1_unless_asked_or_too_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, few_candidates: None) -> None:
    parts = prepare(digits(tmp_path, labels="morph"))
    assert parts.recipe.label_selection is None
    assert parts.labels.spec() == MorphLabels(10, intensity=parts.recipe.label_intensity).spec()

    def nine_at_most(n: int, size: tuple[int, int]) -> tuple[object, ...]:
        if n > 9:
            raise ValueError("too many")
        return ()

    monkeypatch.setitem(CHOOSABLE, "morph", replace(CHOOSABLE["morph"], set_1=nine_at_most))
    assert prepare(digits(tmp_path, labels="morph")).recipe.label_selection == "optimised"


def test_the_waves_fit_the_filters_of_the_network(tmp_path: Path) -> None:
    for model, kernel in (("cnn6", 3), ("cnn3", 5)):
        parts = prepare(digits(tmp_path, model=model, label_selection="random"))
        assert isinstance(parts.labels, FourierLabels)
        expected = FourierLabels.candidates(2000, 0, (8, 8), kernel)
        assert set(parts.labels.waves) <= set(expected)


@pytest.mark.parametrize("labels", ["onehot", "channel"])
def test_families_without_candidates_refuse_a_selection(tmp_path: Path, labels: str) -> None:
    with pytest.raises(SettingsError, match=r"--label-selection random would change nothing: .*fourier, morph"):
        prepare(digits(tmp_path, labels=labels, label_selection="random"))


def test_refusals(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="100 classes need at least as many candidates, got 50"):
        choose("fourier", "optimised", num_classes=100, image_size=(32, 32), kernel_size=3, count=50)
    with pytest.raises(ValueError, match="odd"):
        choose("fourier", "optimised", num_classes=5, image_size=(32, 32), kernel_size=4, count=50)
    with pytest.raises(SystemExit) as stop:
        parse(Settings(dataset="digits"), None, ["--label-selection", "best"])
    assert stop.value.code == 2
    assert "optimised" in capsys.readouterr().err


@pytest.mark.parametrize("labels", ["fourier", "morph"])
def test_the_random_choice_is_not_the_optimised_one(labels: str) -> None:
    options = {"num_classes": 5, "image_size": (16, 16), "kernel_size": 3, "count": 60}
    choices = [choose(labels, how, **options) for how in ("optimised", "random")]  # type: ignore[arg-type]
    assert choices[0].candidates == choices[1].candidates
    matrices = [reported_correlations(labels, choice, (16, 16)) for choice in choices]
    assert torch.equal(*matrices)
    best, by_chance = (off_diagonal(matrices[0], choice.chosen).max() for choice in choices)
    assert best < by_chance
