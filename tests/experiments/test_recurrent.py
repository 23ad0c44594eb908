"""The script of recurrent networks: its presets, its runs with both networks, and what it refuses."""

from pathlib import Path

import pytest
from PIL import Image

from convff import RecurrentForwardForward, RecurrentNet, SoftmaxReadout
from experiments.config.presets import recipe_for
from experiments.config.settings import Settings
from experiments.recurrent import asked_for
from experiments.rejudge import rejudge
from experiments.run.folder import read, read_with_network
from experiments.run.parts import prepare
from experiments.run.train import main

pytestmark = pytest.mark.filterwarnings("ignore::convff.training.health.TrainingWarning")
SMALL = ("--dataset", "digits", "--device", "cpu", "--train-images", "120", "--epochs", "1", "--batch-size", "20")
DENSE = ("--model", "recurrent_mlp", "--widths", "12", "10")


def small(out: Path, *more: str) -> Settings:
    return asked_for([*SMALL, "--out", str(out), *more])


def test_the_papers_runs_are_the_papers() -> None:
    dense, local = (recipe_for(asked_for(["--preset", "paper", "--dataset", name])) for name in ("mnist", "cifar10"))
    assert (dense.model, dense.model_options["widths"], dense.epochs) == ("recurrent_mlp", (2000, 2000), 60)
    assert (local.model, local.model_options, local.epochs) == ("recurrent_local", {"centre": 0.5}, 60)
    assert (dense.reduction, local.reduction) == ("sum", "minus_sum")
    assert (dense.softmax_rate, local.softmax_rate) == (0.1, 0.03)
    assert dense.rule_options == {"learn_from": 2}
    assert local.rule_options == {"iterations": 10, "learn_from": 3, "counted": (4, 6)}
    for recipe in (dense, local):
        assert (recipe.gate, recipe.scale, recipe.theta, recipe.negatives_from) == ("threshold", 1.0, None, "neutral")
        assert (recipe.optimizer, recipe.lr, recipe.momentum, recipe.weight_decay) == ("smoothed", 0.005, 0.9, 0.002)
        assert (recipe.init, recipe.batch_size, recipe.first_block) == ("normal", 100, 0)
        assert recipe.joint_softmax
    rule = RecurrentForwardForward()
    assert (rule.iterations, rule.counted, rule.damping, rule.updates) == (8, (3, 5), 0.7, "synchronous")


@pytest.mark.parametrize("preset", ["quick", "long"])
@pytest.mark.parametrize("dataset", ["mnist", "cifar10"])
def test_the_shorter_runs_share_one_step(preset: str, dataset: str) -> None:
    recipe = recipe_for(asked_for(["--preset", preset, "--dataset", dataset]))
    assert (recipe.gate, recipe.scale, recipe.optimizer) == ("symmetric", 0.03, "orthogonal")
    assert (recipe.batch_size, recipe.weight_decay, recipe.reduction) == (250, 0.0, "sum")
    learns_from = {"mnist": 2, "cifar10": 3}[dataset]
    assert recipe.rule_options == {"iterations": 5, "learn_from": learns_from, "counted": (3, 5)}
    twin = recipe_for(asked_for(["--preset", preset, "--dataset", dataset, "--rule", "bp"]))
    assert (twin.model, twin.model_options) == (recipe.model, recipe.model_options)
    assert (twin.optimizer, twin.rule_options, twin.augment) == ("adam", {}, recipe.augment)


@pytest.mark.parametrize("preset", ["smoke", "quick", "paper", "long"])
@pytest.mark.parametrize("rule", ["recurrent", "bp"])
def test_every_rule_has_every_preset(rule: str, preset: str, tmp_path: Path) -> None:
    (results,) = main(small(tmp_path, *DENSE, "--preset", preset, "--rule", rule))
    assert set(results.scores) == (
        {"settled", "linear", "softmax_joint"} if rule == "recurrent" else {"head", "linear"}
    )
    assert results.labels == "none"
    assert results.control["untrained_linear"] is not None


@pytest.mark.draws
@pytest.mark.parametrize(
    "more",
    [DENSE, pytest.param(("--model", "recurrent_local", "--reduction", "minus_sum"), marks=pytest.mark.slow)],
    ids=["dense", "local"],
)
def test_a_run_leaves_a_folder_and_is_judged_again(more: tuple[str, ...], tmp_path: Path) -> None:
    options = ("--iterations", "3", "--counted", "2", "3", "--damping", "0.5", "--updates", "alternating")
    (results,) = main(small(tmp_path, "--preset", "smoke", *more, *options))
    (folder,) = (path for path in tmp_path.iterdir() if path.is_dir())
    assert isinstance(read_with_network(read(folder)).net, RecurrentNet)
    again = rejudge(folder)["accuracy"]
    assert {name: again[name] for name in results.scores} == {name: results.accuracy[name] for name in results.scores}
    figures = {path.name for path in (folder / "figures").iterdir()}
    assert figures >= {"learning_curve.png", "confusion_matrix.png", "settling.png", "settling.pdf", "settling.gif"}
    with Image.open(folder / "figures" / "settling.gif") as moving:
        assert moving.n_frames == 4  # the start and three iterations


def test_the_options_reach_the_rule(tmp_path: Path) -> None:
    parts = prepare(
        small(tmp_path, *DENSE, "--preset", "smoke", "--peer", "0.1", "--iterations", "4", "--counted", "1", "4")
    )
    assert (parts.rule.peer, parts.rule.iterations, parts.rule.counted) == (0.1, 4, (1, 4))
    readout = parts.joint_readout(parts.new_net())
    assert isinstance(readout, SoftmaxReadout)
    assert [group["lr"] for group in readout._optimizer.param_groups] == [parts.recipe.softmax_rate] == [0.1]
    without = prepare(small(tmp_path, *DENSE, "--preset", "smoke", "--peer", "0"))
    assert without.rule.peer == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--damping 0", "damping must be in (0, 1], got 0.0"),
        ("--iterations 2", "counted must be two iterations from 1 to 2"),
        ("--counted 4 3", "the first not later"),
        ("--learn-from 9", "learn_from must be an iteration from 1 to 5"),
    ],
)
def test_numbers_out_of_range_are_refused(arguments: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="must be") as error:
        prepare(small(tmp_path, *DENSE, "--preset", "smoke", *arguments.split()))
    assert message in str(error.value)


@pytest.mark.parametrize(
    "arguments",
    [
        "--label-at output",
        "--labels fourier",
        "--stabilise oja",
        "--model cnn6",
        "--inference groups",
        "--compile",
        "--order one_by_one",
        "--rule ff --model recurrent_mlp",
        "--rule bp --damping 0.5",
    ],
)
def test_what_a_settling_network_cannot_use_is_refused(arguments: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        asked_for(arguments.split())
    assert exit_.value.code == 2
    assert "cannot be used" in capsys.readouterr().err
