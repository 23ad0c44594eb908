"""The script of Global-guided Hebbian learning: its presets, its options, and runs from settings to folder and maps."""

from dataclasses import replace
from pathlib import Path

import pytest

from cam import GradCAM, LinearCAM
from convff import Head, keyed_generator
from experiments.config.command_line import parse
from experiments.config.presets import recipe_for
from experiments.config.settings import Settings, SettingsError
from experiments.ghl import DEFAULT
from experiments.maps.explained import explained
from experiments.run import folder as run_folder
from experiments.run.parts import prepare
from experiments.run.train import main
from experiments.table import table

NETS = ("deephebb", "fasthebb", "resnet_he")
PRESETS = ("smoke", "quick", "paper", "long")


def small(out: Path, **changes: object) -> Settings:
    base = replace(DEFAULT, dataset="digits", preset="smoke", device="cpu", out=out, train_images=200)
    return replace(base, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("model", "rate", "of_rest", "decay"),
    [("deephebb", 0.01, 0.005, 0.05), ("fasthebb", 0.05, 0.0001, 0.01), ("resnet_he", 0.05, 0.05, 0.01)],
)
def test_the_paper_is_the_published_setting(model: str, rate: float, of_rest: float, decay: float) -> None:
    recipe = recipe_for(replace(DEFAULT, model=model, preset="paper"))
    assert (recipe.lr, recipe.weight_decay) == (rate, decay)
    assert recipe.lr * recipe.rest_factor == pytest.approx(of_rest)
    assert (recipe.optimizer, recipe.momentum, recipe.decay, recipe.augment) == ("sgd", 0.0, "cosine", "none")
    assert (recipe.epochs, recipe.batch_size, recipe.curve_images) == (100, 64, 0)


@pytest.mark.parametrize("model", NETS)
@pytest.mark.parametrize("preset", PRESETS)
def test_backpropagation_has_the_same_network_and_head(preset: str, model: str) -> None:
    guided, bp = (recipe_for(replace(DEFAULT, model=model, preset=preset, rule=rule)) for rule in ("ghl", "bp"))  # type: ignore[arg-type]
    assert guided.model_options == bp.model_options
    without = {name: value for name, value in guided.rule_options.items() if name != "temperature"}
    assert bp.rule_options == without
    assert (bp.optimizer, bp.weight_decay) == ("adam", 0.0)
    assert (bp.epochs == guided.epochs) == (preset in ("smoke", "paper"))


def test_on_cnn6_convolutions_have_no_bias() -> None:
    recipe = recipe_for(Settings(rule="ghl"))
    assert (recipe.model, recipe.model_options["bias"], recipe.optimizer) == ("cnn6", False, "sgd")
    with pytest.raises(
        SettingsError, match="--preset paper of --rule ghl is for --model deephebb, fasthebb or resnet_he"
    ):
        recipe_for(Settings(rule="ghl", preset="paper"))


def test_a_run_is_judged_by_its_head_and_mapped(tmp_path: Path) -> None:
    (results,) = main(small(tmp_path, evaluate_on="validation"))
    assert results.accuracy["head"] is not None
    assert results.control["untrained_linear"] is not None
    (folder,) = (path for path in tmp_path.iterdir() if path.is_dir())
    assert folder.name == "digits-deephebb-ghl-smoke-seed0"
    run = run_folder.read(folder)
    assert {f"{name}_{block}" for name in ("size_median", "slow", "winner") for block in (1, 2, 3)} <= run.rows[
        0
    ].keys()
    assert "validation_head_accuracy" in run.rows[0]
    trained = run_folder.read_with_network(run)
    assert trained.modules["head"].grid == 2
    view = explained(trained)
    assert type(view.method) is LinearCAM
    assert isinstance(view.judged, GradCAM)
    maps = view.method.maps(trained.parts.judged.images[:2].float() / 255)
    hidden = Head(384, 10, grid=2, hidden=5, generator=keyed_generator(0, "head"))
    with pytest.raises(SettingsError, match="its head has a hidden layer or a norm"):
        explained(replace(trained, modules={"head": hidden}))
    assert maps.shares().sum(dim=1).tolist() == pytest.approx((maps.scores - maps.bias).tolist(), abs=1e-3)


def test_the_ablations_and_backpropagation_are_rows_of_one_table(tmp_path: Path) -> None:
    for changes in ({}, {"signal": "sign"}, {"signal": "local"}, {"signal": "gradient"}, {"rule": "bp"}):
        main(small(tmp_path, **changes, inference=("goodness",)))
    rows = table(sorted(path for path in tmp_path.iterdir() if path.is_dir())).splitlines()[2:]
    rules = sorted(row.split("|")[3].strip() for row in rows)
    assert rules == [
        "bp, deephebb",
        "ghl + signal gradient, deephebb",
        "ghl + signal local, deephebb",
        "ghl + signal sign, deephebb",
        "ghl, deephebb",
    ]
    assert all(row.split("|")[2].strip() == "none" for row in rows)


def test_any_depth_of_a_residual_network(tmp_path: Path) -> None:
    settings = small(tmp_path, model="resnet_he", depth=14, widths=(4, 4, 4))
    assert len(prepare(settings).new_net()) == 13
    with pytest.raises(SettingsError, match=r"depth must be 6n \+ 2"):
        prepare(replace(settings, depth=15))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--rule bp --signal sign", "--signal sign cannot be used with --rule bp; it can with --rule ghl"),
        ("--rule bp --rest-factor 0.5", "--rest-factor 0.5 cannot be used with --rule bp; it can with --rule ghl"),
        ("--rest-factor 0", "--rest-factor must be positive and finite, got 0.0"),
        ("--weight-decay nan", "--weight-decay must be finite and at least 0, got nan"),
        (
            "--depth 20",
            "--depth 20 cannot be used with --model deephebb; it can with --model cnn3 or recurrent_local or resnet_he",
        ),
        ("--labels fourier", "--labels fourier cannot be used with --rule ghl"),
        ("--stagger 0.5", "--stagger 0.5 cannot be used with --rule ghl"),
        ("--losers hard", "--losers hard cannot be used with --rule ghl; it can with --rule softhebb"),
    ],
)
def test_what_contradicts_it_is_refused(arguments: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        parse(DEFAULT, None, arguments.split())
    assert end.value.code == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("optimizer", ["adam", "orthogonal", "norm_dependent"])
def test_steps_that_lose_the_size_are_refused(optimizer: str, tmp_path: Path) -> None:
    with pytest.raises(
        SettingsError, match=f"--optimizer {optimizer} cannot be used with GlobalHebbian, which needs sgd: "
    ):
        prepare(small(tmp_path, optimizer=optimizer, weight_decay=0.0))


@pytest.mark.parametrize("rule", ["ghl", "softhebb", "local_head"])
def test_the_networks_of_another_paper_have_no_numbers_for_it(rule: str) -> None:
    with pytest.raises(
        SettingsError, match=f"--net wide cannot be used with --rule {rule}; it can with --rule bp or ff"
    ):
        recipe_for(Settings(dataset="mnist", net="wide", rule=rule))
