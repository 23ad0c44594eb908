"""No option is dropped in silence."""

import sys
from dataclasses import replace
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

import pytest

from convff import OPTIMIZERS
from experiments.config.command_line import parse
from experiments.config.presets import RATES, recipe_for
from experiments.config.settings import Settings, SettingsError, settings_from_json
from experiments.datasets import load_dataset
from experiments.run.building import build
from experiments.run.parts import prepare
from experiments.run.rules import new_rule


def tiny(out: Path, **changes: object) -> Settings:
    return Settings(**({"dataset": "digits", "preset": "smoke", "out": out, "device": "cpu"} | changes))  # type: ignore[arg-type]


def test_what_was_asked_for_must_be_taken() -> None:
    def make(width: int, depth: int = 1) -> tuple[int, int]:
        return width, depth

    assert build("net", make, {"width": 2}, {"depth": 3, "colour": "red"}) == (2, 3)
    assert build("net", make, {"width": 2, "depth": 4}, {"depth": 3}) == (2, 4)
    with pytest.raises(ValueError, match="net takes no option colour; its options are width, depth"):
        build("net", make, {"colour": "red"})


def test_a_number_that_the_rule_or_gate_does_not_take_is_refused(tmp_path: Path) -> None:
    settings = tiny(tmp_path, rule="hebbff")
    recipe = recipe_for(settings)
    for changes, message in (
        ({"reduction": "sum"}, "rule hebbff takes no option reduction"),
        ({"theta": 1.0, "gate": "symmetric"}, "gate symmetric takes no option theta"),
    ):
        with pytest.raises(ValueError, match=message):
            new_rule(settings, replace(recipe, **changes), num_classes=10)


def test_a_presets_threshold_is_for_its_own_gate(tmp_path: Path) -> None:
    settings = tiny(tmp_path, rule="hebbff", preset="paper")
    assert recipe_for(settings).theta == 1.0
    assert recipe_for(replace(settings, gate="symmetric")).theta is None
    assert recipe_for(replace(settings, gate="threshold")).theta == 1.0


def test_the_old_name_of_a_preset_is_read_and_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    settings = parse(Settings(), None, ["--preset", "best"])
    assert settings.preset == "long"
    assert "preset best is now called long" in capsys.readouterr().err
    assert settings_from_json(Settings().as_json() | {"preset": "best"}).preset == "long"
    assert recipe_for(Settings(preset="best")) == recipe_for(Settings(preset="long"))


def test_long_is_six_times_quick_with_the_label_in_the_image() -> None:
    quick, long = (recipe_for(Settings(preset=preset, label_at="image")) for preset in ("quick", "long"))
    assert long == replace(quick, epochs=6 * quick.epochs)


@pytest.mark.parametrize("dataset", ["cifar10", "fashion_mnist", "mnist"])
def test_long_has_larger_maps_with_the_label_at_the_output(dataset: str) -> None:
    quick, long = (
        recipe_for(Settings(preset=preset, label_at="output", dataset=dataset)) for preset in ("quick", "long")
    )
    other = {"augment": "shifts"} if dataset == "mnist" else {"first_scored": 5}
    assert long == replace(quick, epochs=10, model_options=long.model_options, **other)
    assert long.model_options["pool_after"] == (2, 4, 5)


@pytest.mark.parametrize(
    ("label_at", "dataset", "augment"),
    [
        ("output", "cifar100", "flips_shifts"),
        ("blocks", "cifar100", "flips_shifts"),
        ("blocks", "mnist", "shifts"),
        ("stream", "mnist", "shifts"),
    ],
)
def test_long_goes_on_with_shifted_images_where_no_image_has_a_label(label_at: str, dataset: str, augment: str) -> None:
    quick, long = (
        recipe_for(Settings(preset=preset, label_at=label_at, dataset=dataset)) for preset in ("quick", "long")
    )
    assert 5 * quick.epochs < long.epochs < 6 * quick.epochs
    assert long == replace(quick, epochs=long.epochs, augment=augment)


def test_a_rules_preset_is_a_file_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("experiments.config.presets.mine")
    module.__spec__ = ModuleSpec("experiments.config.presets.mine", None)
    module.every = lambda recipe: replace(recipe, lr=7.0)  # type: ignore[attr-defined]
    module.paper = lambda recipe: replace(recipe, lr=8.0)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "experiments.config.presets.mine", module)
    assert recipe_for(Settings(rule="mine")).lr == 7.0
    assert recipe_for(Settings(rule="mine", preset="long")).lr == 7.0
    assert recipe_for(Settings(rule="mine", preset="paper")).lr == 8.0
    del module.every  # type: ignore[attr-defined]
    # With labels that have no file for a rule either.
    plain = recipe_for(Settings(rule="ff", labels="echo"))
    assert recipe_for(Settings(rule="mine", labels="echo")) == plain
    assert recipe_for(Settings(rule="without a file", labels="echo")) == plain


def test_a_label_familys_preset_is_a_file_of_its_own_with_a_function_per_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("experiments.config.presets.with_mine")
    module.__spec__ = ModuleSpec("experiments.config.presets.with_mine", None)
    module.ff = lambda recipe: replace(recipe, lr=7.0)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "experiments.config.presets.with_mine", module)
    assert recipe_for(Settings(labels="mine")).lr == 7.0
    assert recipe_for(Settings(labels="mine", rule="hebbff")) == recipe_for(Settings(labels="morph0", rule="hebbff"))
    assert recipe_for(Settings(labels="mine", label_at="output")).lr == recipe_for(Settings(label_at="output")).lr


def test_the_data_never_rewrite_the_settings(tmp_path: Path, few_candidates: None) -> None:
    """Labels that the data make necessary are recorded in the recipe: what was asked stays what was asked."""
    settings = tiny(tmp_path, dataset="stand_in", labels="morph", label_selection=None)
    digits = load_dataset("digits", None)
    names = tuple(str(number) for number in range(121))
    many = replace(
        digits,
        train=replace(digits.train, class_names=names),
        test=replace(digits.test, class_names=names),
    )
    parts = prepare(settings, many)
    assert parts.settings == settings
    assert parts.recipe.label_selection == "optimised"


def test_a_network_without_a_preset_has_its_own_defaults() -> None:
    assert recipe_for(Settings(model="mine")).model_options == {}
    assert recipe_for(Settings(model="mine", preset="paper")).model_options == {}
    with pytest.raises(SettingsError, match="--width 8 cannot be used"):
        recipe_for(Settings(model="mine", width=8))


def test_a_presets_rate_is_for_its_own_optimiser(tmp_path: Path) -> None:
    at_output = tiny(tmp_path, label_at="output")
    assert (recipe_for(at_output).optimizer, recipe_for(at_output).lr) == ("orthogonal", 0.02)
    assert recipe_for(replace(at_output, optimizer="adam")).lr == 1e-3
    assert recipe_for(replace(at_output, optimizer="adam", lr=0.5)).lr == 0.5
    assert recipe_for(replace(at_output, optimizer="orthogonal")).lr == 0.02
    assert set(RATES) == set(OPTIMIZERS) - {"sgd", "smoothed"}


@pytest.mark.parametrize("optimizer", sorted(OPTIMIZERS))
def test_a_presets_decay_of_weights_is_for_its_own_optimiser(optimizer: str) -> None:
    """Every optimiser can be tried where a preset has a decay that most of them cannot take."""
    hinton = Settings(dataset="mnist", labels="onehot", net="hinton")
    assert recipe_for(hinton).weight_decay == 0.002
    recipe = recipe_for(replace(hinton, optimizer=optimizer, lr=0.01))
    assert recipe.schedule().optimizer == optimizer
    assert recipe.weight_decay == (0.002 if optimizer == "smoothed" else 0.0)
    assert recipe_for(replace(hinton, optimizer="adam", weight_decay=0.1)).weight_decay == 0.1


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("", ("output", "fourier")),
        ("--rule hebbff", ("output", "fourier")),
        ("--labels morph --rule hebbff", ("image", "morph")),
        ("--labels fourier", ("image", "fourier")),
        ("--label-at blocks", ("blocks", "fourier")),
        ("--label-at stream --labels fourier", ("stream", "fourier")),
        ("--label-intensity 0.5", ("image", "fourier")),
        ("--negatives 3", ("image", "fourier")),
        ("--negatives-from confusion", ("image", "fourier")),
        ("--stabilise oja", ("image", "fourier")),
        ("--preset paper", ("image", "fourier")),
        ("--net wide --dataset mnist", ("image", "fourier")),
        ("--rule bp", ("image", "fourier")),
        ("--rule local_head", ("image", "fourier")),
    ],
)
def test_without_a_place_the_best_one_is_taken_unless_an_option_asks_for_the_image(
    arguments: str, expected: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    settings = parse(Settings(), None, arguments.split())
    assert (settings.label_at, settings.labels) == expected
    chosen = "--label-at" not in arguments and expected[0] == "output"
    assert ("note: the label is at the output" in capsys.readouterr().err) == chosen
    assert type(settings) is Settings
