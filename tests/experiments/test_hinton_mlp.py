"""The script of Hinton's supervised network: presets, options, and runs from the command line to their folder."""

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from convff import NeutralNegatives, SoftmaxReadout, Stabilised, evaluating, load_checkpoint
from convff.inference.goodness import block_goodness_of, predictions
from experiments.config.command_line import parse
from experiments.config.presets import recipe_for
from experiments.config.settings import Settings
from experiments.hinton_mlp import asked_for
from experiments.rejudge import rejudge
from experiments.run.errors import show_errors
from experiments.run.folder import read, read_with_network
from experiments.run.parts import prepare
from experiments.run.train import main
from experiments.run.training import Training

pytestmark = pytest.mark.filterwarnings("ignore::convff.training.health.TrainingWarning")
SMALL = ["--dataset", "digits", "--device", "cpu", "--train-images", "200", "--width", "16", "--epochs", "2"]


def small(out: Path, *more: str) -> Settings:
    return asked_for([*SMALL, "--out", str(out), *more])


def only_folder(out: Path) -> Path:
    (folder,) = (path for path in out.iterdir() if path.is_dir())
    return folder


def cells(folder: Path) -> list[dict[str, str]]:
    """The rows of `metrics.csv`, without times."""
    rows = csv.DictReader((folder / "metrics.csv").read_text().splitlines())
    return [{k: value for k, value in row.items() if k not in ("images_per_second", "seconds")} for row in rows]


def test_the_papers_recipe_is_hintons() -> None:
    settings = asked_for(["--preset", "paper"])
    recipe = recipe_for(settings)
    assert (settings.dataset, settings.labels, settings.label_at, settings.rule) == ("mnist", "onehot", "image", "ff")
    assert (settings.stabilise, settings.stabiliser_strength) == (("peer",), 0.03)
    assert (recipe.model, recipe.model_options, recipe.init) == ("mlp", {"widths": (2000,) * 4}, "normal")
    assert (recipe.gate, recipe.theta, recipe.scale, recipe.reduction) == ("threshold", None, 1.0, "sum")
    # His rate is 0.01 for half of our direction, his weight cost 0.001.
    assert (recipe.optimizer, 2 * recipe.lr, recipe.weight_decay / 2) == ("smoothed", 0.01, 0.001)
    assert (recipe.momentum, recipe.decay, recipe.epochs, recipe.batch_size) == (0.9, "cooldown", 60, 100)
    assert (recipe.negatives, recipe.negatives_from, recipe.first_block) == (1, "neutral", 1)
    assert (recipe.joint_readout, recipe.joint_softmax, recipe.validation_images) == (True, True, 10_000)
    quick, long = (recipe_for(asked_for(["--preset", preset])) for preset in ("quick", "long"))
    assert quick == replace(recipe, model_options={"widths": (1000,) * 3}, epochs=16)
    assert (long.augment, long.epochs) == ("shifts_zero", 90)


@pytest.mark.parametrize("preset", ["smoke", "quick", "paper", "long"])
@pytest.mark.parametrize("rule", ["ff", "hebbff", "bp"])
def test_every_rule_has_every_preset(
    preset: str, rule: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = small(tmp_path, "--preset", preset, "--rule", rule)
    results = main(settings)
    show_errors(results)
    printed = capsys.readouterr().out
    for name in ("fitted linear readout", "the same, untrained network"):
        assert f"  {name} " in printed
    for name in ("goodness, every label tried", "softmax beside the blocks, one pass"):
        assert (f"  {name} " in printed) == (rule != "bp")
    assert ("softmax head, backpropagation" in printed) == (rule == "bp")


def test_a_run_leaves_both_inferences(tmp_path: Path) -> None:
    (results,) = main(small(tmp_path, "--seed", "1"))
    folder = only_folder(tmp_path)
    assert folder.name == "digits-hinton-ff-quick-seed1"
    trained = read_with_network(read(folder))
    parts = trained.parts
    assert isinstance(parts.rule, Stabilised)
    assert isinstance(parts._contrast().negatives, NeutralNegatives)
    with evaluating(trained.net):
        by_block = block_goodness_of(trained.net, parts.judged, parts.labels, goodness=parts.rule.goodness)
    summed = by_block[1] + by_block[2]  # all but the first
    assert torch.equal(predictions(by_block, range(1, 3)), summed.argmax(dim=1))
    assert results.accuracy["goodness"] == (summed.argmax(dim=1) == parts.judged.classes).float().mean().item()
    softmax = SoftmaxReadout(trained.net, parts.labels, parts.train.shape, grid=None)
    softmax.load_state_dict(load_checkpoint(folder / "checkpoint.safetensors").tensors_of("joint_readout"))
    right = softmax.predict(parts.judged) == parts.judged.classes
    assert results.accuracy["softmax_joint"] == right.float().mean().item()
    assert {f"peer_spread_{block}" for block in (1, 2, 3)} | {"readout_loss"} <= cells(folder)[0].keys()
    about = json.loads((folder / "settings.json").read_text())
    assert about["settings"]["stabilise"] == ["peer"]
    assert about["recipe"]["joint_softmax"]
    again = rejudge(folder)
    assert again["accuracy"] == results.accuracy


class Stop(Exception):
    """The run ends here, as by a kill."""


def test_a_run_that_is_killed_within_an_epoch_is_resumed_to_the_bit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Weights, their smoothed directions, the softmax, its smoothed gradient and the usual activities all go on."""
    wanted, stopped = (small(tmp_path / name, "--batch-size", "50") for name in ("wanted", "stopped"))
    (expected,) = main(wanted)
    taken, save_if_due = 0, Training._save_if_due

    def kill(training: Training, signals: Any) -> None:
        nonlocal taken
        save_if_due(training, signals)
        taken += 1
        if taken == 3:
            training.save()
            raise Stop

    with monkeypatch.context() as patched:
        patched.setattr(Training, "_save_if_due", kill)
        with pytest.raises(Stop):
            main(stopped)
    folder = only_folder(tmp_path / "stopped")
    (results,) = main(asked_for(["--resume", str(folder)]))
    assert cells(folder) == cells(only_folder(tmp_path / "wanted"))
    assert results.scores == expected.scores
    assert results.stabilise == ("peer",)
    saved = (load_checkpoint(each / "checkpoint.safetensors") for each in (folder, only_folder(tmp_path / "wanted")))
    one, other = ({**each.net.state_dict(), **each.tensors_of("joint_readout")} for each in saved)
    assert all(torch.equal(value, other[name]) for name, value in one.items())


def test_hebbff_takes_the_same_steps(tmp_path: Path) -> None:
    """Mean goodness, a gate as steep as the layer is wide, and a sum over images: the factors cancel."""
    nets = []
    for more in ("--rule ff", "--rule hebbff --scale 16"):
        main(small(tmp_path / more, *more.split(), "--inference", "goodness"))
        nets.append(load_checkpoint(only_folder(tmp_path / more) / "checkpoint.safetensors").net)
    for one, other in zip(*(net.parameters() for net in nets), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("", (("peer",), 0.03)),
        ("--peer 0.5", (("peer",), 0.5)),
        ("--peer 0", ((), None)),
        ("--peer 0 --rule bp", ((), None)),
        ("--peer 0 --stabilise oja", (("oja",), None)),
        ("--rule bp", ((), None)),
        ("--stabilise decay peer --stabiliser-strength 0.1", (("decay", "peer"), 0.1)),
    ],
)
def test_peer_normalisation_is_beside_the_rules_that_can_have_it(
    arguments: str, expected: tuple[tuple[str, ...], float | None]
) -> None:
    settings = asked_for(arguments.split())
    assert (settings.stabilise, settings.stabiliser_strength) == expected


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--peer -1", "--peer must be finite and at least 0, got -1"),
        ("--peer nan", "--peer must be finite and at least 0, got nan"),
        ("--peer 0.1 --rule bp", "--peer 0.1 cannot be used with --rule bp, which has none"),
        ("--peer 0.1 --stabilise decay", "--peer 0.1 cannot be used with --stabilise, which names the stabilisers"),
        ("--rule softhebb", "cannot be used with --rule softhebb"),
        ("--rule local_head", "cannot be used with --rule local_head"),
        ("--label-at output", "cannot be used with --label-at output"),
        (
            "--order one_by_one --negatives-from neutral",
            "--negatives-from neutral cannot be used with --order one_by_one",
        ),
        ("--negatives-from neutral --rule bp", "--negatives-from neutral cannot be used with --rule bp"),
    ],
)
def test_what_cannot_be_is_refused_by_name(arguments: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        asked_for(arguments.split())
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


def test_an_order_needs_other_negatives(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(small(tmp_path, "--order", "one_by_one"))
    assert ended.value.code == 2
    assert "need blocks that learn together" in capsys.readouterr().err
    main(small(tmp_path, "--order", "one_by_one", "--negatives-from", "all"))


@pytest.mark.parametrize(
    ("model", "labels"),
    [
        ("cnn3", "fourier"),
        *(pytest.param("cnn6", labels, marks=pytest.mark.slow) for labels in ("morph", "channel", "learned", "echo")),
    ],
)
def test_convolutions_take_hard_negatives_and_peer_normalisation(model: str, labels: str, tmp_path: Path) -> None:
    given = (
        f"--dataset digits --model {model} --labels {labels} --negatives-from neutral --stabilise peer --preset smoke"
    )
    settings = parse(Settings(), None, [*given.split(), "--train-images", "60", "--out", str(tmp_path)])
    (results,) = main(settings)
    assert 0 <= results.accuracy["linear_joint"] <= 1
    assert "peer_spread_1" in cells(only_folder(tmp_path))[0]
    readout = prepare(settings).joint_readout(prepare(settings).new_net())
    assert readout is not None
    assert readout.grid == 4  # what the fitted readout reads


def test_with_goodness_alone_the_softmax_still_chooses_the_wrong_labels(tmp_path: Path) -> None:
    (results,) = main(small(tmp_path, "--inference", "goodness"))
    assert set(results.scores) == {"goodness"}
    assert "readout_loss" in cells(only_folder(tmp_path))[0]
