"""The script of SoftHebb: its presets, its options, and a run from its command line to its folder."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from convff import SoftHebb
from experiments.config.command_line import parse
from experiments.config.presets import recipe_for
from experiments.config.ranges import check_ranges
from experiments.config.settings import Settings, SettingsError
from experiments.datasets import load_dataset
from experiments.run import folder as run_folder
from experiments.run.parts import prepare
from experiments.run.train import main
from experiments.softhebb import DEFAULT


def small(out: Path, **changes: object) -> Settings:
    base = replace(DEFAULT, dataset="digits", preset="smoke", device="cpu", out=out, train_images=200)
    return replace(base, **changes)  # type: ignore[arg-type]


def test_the_paper_is_the_published_setting() -> None:
    recipe = recipe_for(replace(DEFAULT, preset="paper"))
    assert recipe.model_options["widths"] == (96, 384, 1536)
    assert [recipe.lr * factor for factor in recipe.block_factors] == pytest.approx([0.08, 0.005, 0.01])
    assert recipe.rule_options == {"temperature": (1.0, 0.65, 0.25)}
    assert (recipe.epochs, recipe.batch_size, recipe.augment, recipe.momentum) == (1, 10, "none", 0.0)


@pytest.mark.parametrize("preset", ["smoke", "quick", "paper", "long"])
@pytest.mark.parametrize("dataset", ["cifar10", "mnist"])
def test_every_preset_is_complete(preset: str, dataset: str) -> None:
    recipe = recipe_for(replace(DEFAULT, preset=preset, dataset=dataset))
    assert recipe.model == "deephebb"
    assert recipe.optimizer == "norm_dependent"
    assert recipe.augment == ("flips" if preset == "long" and dataset == "cifar10" else "none")
    recipe.schedule().check(3)
    assert recipe_for(Settings(dataset=dataset, preset=preset, rule="softhebb")) == recipe  # type: ignore[arg-type]


def test_on_another_network_it_has_rates_of_its_own() -> None:
    for preset in ("quick", "paper"):
        recipe = recipe_for(Settings(rule="softhebb", model="cnn6", preset=preset))
        assert (recipe.model, recipe.optimizer, recipe.epochs) == ("cnn6", "norm_dependent", 1)
        assert recipe.block_factors == ()


@pytest.mark.parametrize("preset", ["smoke", "quick", "paper", "long"])
def test_backpropagation_takes_the_same_network_without_labels(preset: str) -> None:
    own, bp = (recipe_for(replace(DEFAULT, preset=preset, rule=rule, width=48)) for rule in ("softhebb", "bp"))  # type: ignore[arg-type]
    assert own.model_options["widths"] == bp.model_options["widths"]
    assert replace(DEFAULT, preset=preset, rule="bp").label_name == "none"  # type: ignore[arg-type]


def test_fewer_blocks_take_temperatures_and_rates_of_their_own() -> None:
    digits = load_dataset("digits", None)
    two = replace(small(Path("runs")), widths=(4, 8))
    with pytest.raises(SettingsError, match="block_factors must be none or one per block, 2, got 3"):
        prepare(two, digits)
    with pytest.raises(SettingsError, match="2 layers, so as many temperatures are needed, got 3"):
        prepare(replace(two, block_factors=(1.0, 0.5)), digits)
    parts = prepare(replace(two, block_factors=(1.0, 0.5), temperature=(1.0, 0.65)), digits)
    assert parts.rule == SoftHebb(temperature=(1.0, 0.65))
    assert parts.recipe.block_factors == (1.0, 0.5)
    one = prepare(replace(two, block_factors=(1.0, 0.5), temperature=(2.0,)), digits).rule
    assert one == SoftHebb(temperature=2.0)


@pytest.mark.parametrize("given", [(), (0.0,), (1.0, float("nan")), (1.0, float("inf"))])
@pytest.mark.parametrize("name", ["temperature", "block_factors"])
def test_numbers_per_block_are_positive(name: str, given: tuple[float, ...]) -> None:
    with pytest.raises(SettingsError, match=f"--{name.replace('_', '-')} must be positive and finite, got"):
        check_ranges(replace(DEFAULT, **{name: given}))  # type: ignore[arg-type]


@pytest.mark.draws
def test_a_run_leaves_a_folder_with_control_and_readouts(tmp_path: Path) -> None:
    (results,) = main(small(tmp_path, losers="none", evaluate_on="validation"))
    assert results.judged_on.endswith("validation images")
    assert results.accuracy["dropout"] is not None
    assert results.accuracy["linear"] is not None
    assert results.control["untrained_linear"] is not None
    (folder,) = (path for path in tmp_path.iterdir() if path.is_dir())
    assert folder.name == "digits-deephebb-softhebb-none-smoke-seed0"
    saved = json.loads((folder / "results.json").read_text())
    assert saved["variant"] == ["losers none"]
    assert (folder / "figures" / "learning_curve.png").exists()
    run = run_folder.read(folder)
    assert run.method == "softhebb + losers none"
    assert {f"converged_{block}" for block in (1, 2, 3)} <= run.rows[0].keys()
    trained = run_folder.read_with_network(run)
    assert isinstance(trained.parts.rule, SoftHebb)
    assert trained.parts.rule.losers == "none"
    assert trained.readout is not None
    assert len(trained.readout.linear.weight[0]) == 384 * 2 * 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            "--rule ff --model cnn6 --losers hard",
            "--losers hard cannot be used with --rule ff; it can with --rule softhebb",
        ),
        ("--stabilise oja", "--stabilise oja cannot be used with --rule softhebb"),
        ("--similarity 0.5", "--similarity 0.5 cannot be used with --rule softhebb"),
        (
            "--weight-decay 0.1",
            "--weight-decay 0.1 cannot be used with --optimizer norm_dependent; it can with --optimizer",
        ),
        ("--weight-decay -1 --optimizer sgd", "--weight-decay must be at least 0, got -1.0"),
        ("--labels morph", "--labels morph cannot be used with --rule softhebb"),
        ("--inference head", "--inference head cannot be used with --rule softhebb"),
    ],
)
def test_what_contradicts_it_is_refused(arguments: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        parse(DEFAULT, None, arguments.split())
    assert end.value.code == 2
    assert message in capsys.readouterr().err


def test_features_that_do_not_fit_are_refused_before_the_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("convff.machine.memory.free_memory", lambda device: 1000)
    with pytest.raises(SettingsError, match=r"the features of linear readout.* at most half of the free memory"):
        prepare(small(tmp_path), load_dataset("digits", None))
