"""Layers that learn one after another, from the command line."""

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from convff import evaluating, load_checkpoint
from convff.inference.goodness import block_goodness_of, predictions
from experiments.config.command_line import parse
from experiments.config.presets import recipe_for
from experiments.config.settings import Settings, SettingsError
from experiments.datasets import load_dataset
from experiments.greedy import asked_for, show
from experiments.run import figures
from experiments.run.data import portions_of
from experiments.run.folder import read, read_with_network
from experiments.run.metrics import MetricsFile, by_block, read_rows
from experiments.run.parts import prepare
from experiments.run.resume import resumed_settings
from experiments.run.train import main
from experiments.run.training import Training
from experiments.table import rows
from labels import OneHotLabels
from tests.convff.samples import noise
from tests.convff.training.notebook import notebooks_loop

pytestmark = pytest.mark.filterwarnings("ignore::convff.training.health.TrainingWarning")
SMALL = ["--dataset", "digits", "--device", "cpu", "--precision", "float32", "--train-images", "120", "--width", "16"]


def small(out: Path, *more: str) -> Settings:
    (settings,) = asked_for([*SMALL, "--out", str(out), *more])
    return settings


def only_folder(out: Path) -> Path:
    (folder,) = (path for path in out.iterdir() if path.is_dir())
    return folder


def cells(folder: Path) -> list[dict[str, str]]:
    """The rows of `metrics.csv`, without times."""
    times = ("images_per_second", "seconds")
    rows = csv.DictReader((folder / "metrics.csv").read_text().splitlines())
    return [{name: value for name, value in row.items() if name not in times} for row in rows]


def test_the_papers_run_is_the_notebooks() -> None:
    (settings,) = asked_for(["--preset", "paper"])
    recipe = recipe_for(settings)
    assert (settings.dataset, settings.labels, settings.label_at, settings.rule) == ("mnist", "onehot", "image", "ff")
    assert recipe.model_options == {"widths": (512, 512), "norm": "unit", "standardise": (0.1307, 0.3081)}
    assert (recipe.gate, recipe.theta, recipe.scale, recipe.reduction) == ("threshold", 3.0, 1.0, "mean")
    assert (recipe.optimizer, recipe.lr, recipe.momentum, recipe.decay) == ("adam", 0.03, 0.9, "constant")
    assert (recipe.batch_size, recipe.portions, recipe.epochs, recipe.repeats) == (20_000, 3, 1, 1000)
    assert (recipe.order, recipe.redraw, recipe.negatives, recipe.first_block) == ("one_by_one", False, 1, 0)
    assert (recipe.label_rest, recipe.curve_images, recipe.augment, recipe.precision) == (0.1307, 0, "none", "float32")


@pytest.mark.parametrize("preset", ["smoke", "quick", "paper", "long"])
@pytest.mark.parametrize("rule", ["ff", "hebbff", "bp"])
def test_every_rule_has_every_preset(preset: str, rule: str, tmp_path: Path) -> None:
    settings = small(tmp_path, "--preset", preset, "--rule", rule, "--epochs", "1", "--repeats", "2")
    (results,) = main(settings)
    show([results], settings)
    assert ("goodness_train" in results.scores) == (rule in ("ff", "hebbff"))
    assert (recipe_for(settings).order == "one_by_one") == (rule != "bp")


def test_a_run_of_the_papers_recipe(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = small(tmp_path, "--preset", "paper", "--repeats", "3")
    (results,) = main(settings)
    folder = only_folder(tmp_path)
    rows = cells(folder)
    assert [row["epoch"] for row in rows] == ["1", "2", "3", "4", "5", "6"]  # three portions, two blocks
    assert [bool(row["loss_1"]) for row in rows] == [True, False] * 3
    assert [bool(row["loss_2"]) for row in rows] == [False, True] * 3
    assert all(row["weight_rms_1"] and row["weight_rms_2"] for row in rows)
    assert not any("validation" in name for name in rows[0])  # it learns from every image
    assert json.loads((folder / "settings.json").read_text())["labels"]["rest"] == 0.1307
    show([results], settings)
    printed = capsys.readouterr().out
    assert "3 steps on each, for each block in turn, on each of 3 portions in turn" in printed
    for name in ("all blocks", "without block 1", "block 1 alone", "block 2 alone"):
        assert f"  {name} " in printed
    # The printed errors are those of the network of the checkpoint, image by image.
    trained = read_with_network(read(folder))
    parts = trained.parts
    with evaluating(trained.net):
        test, train = (block_goodness_of(trained.net, images, parts.labels) for images in (parts.judged, parts.train))
    assert len(parts.train) == 120
    for blocks, figure, block in (([0, 1], "accuracy_from", 0), ([1], "accuracy_from", 1), ([0], "accuracy", 0)):
        for name, by, images in (("goodness_from", test, parts.judged), ("goodness_train", train, parts.train)):
            accuracy = (predictions(by, blocks) == images.classes).float().mean().item()
            assert results.scores[name]["per_block"][figure][block] == pytest.approx(accuracy)
    assert results.accuracy["goodness"] == results.scores["goodness_from"]["per_block"]["accuracy_from"][0]
    assert results.accuracy["goodness_from"] == results.scores["goodness"]["per_block"]["accuracy"][1]
    assert results.accuracy["goodness_train"] == results.scores["goodness_train"]["per_block"]["accuracy_from"][0]


def test_the_script_runs_the_notebooks_loop(tmp_path: Path) -> None:
    """The weights of a run of `--preset paper` are those of the loop, written out with automatic differentiation."""
    settings = small(tmp_path, "--preset", "paper", "--repeats", "5", "--seed", "0")
    parts = prepare(settings, load_dataset("digits", None))
    main(settings)
    trained = [block.layer.state_dict() for block in read_with_network(read(only_folder(tmp_path))).net]
    errors = {}
    for reset in (False, True):  # Adam's memory goes on over the portions
        layers = [
            {name: value.detach().double().requires_grad_() for name, value in block.layer.state_dict().items()}
            for block in parts.new_net()
        ]
        notebooks_loop(parts.portions, OneHotLabels(10, rest=0.1307), layers, 5, reset=reset)
        errors[reset] = max(
            (trained[number][name] - value).abs().max().item()
            for number, layer in enumerate(layers)
            for name, value in layer.items()
        )
    assert errors[False] < 1e-4
    assert errors[True] > 1e-2


class Stop(Exception):
    """The run ends here, as by a kill."""


@pytest.mark.parametrize("steps", [1, 5, 12, *(pytest.param(each, marks=pytest.mark.slow) for each in (4, 6, 9, 17))])
def test_a_run_that_is_killed_within_or_between_blocks_and_portions_is_resumed(
    steps: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """18 steps: three portions, two blocks, three steps on the one batch of each."""
    wanted, stopped = (small(tmp_path / name, "--preset", "paper", "--repeats", "3") for name in ("wanted", "stopped"))
    (expected,) = main(wanted)
    taken = 0
    save_if_due = Training._save_if_due

    def kill(training: Training, signals: Any) -> None:
        nonlocal taken
        save_if_due(training, signals)
        taken += 1
        if taken == steps:
            training.save()
            raise Stop

    with monkeypatch.context() as patched:
        patched.setattr(Training, "_save_if_due", kill)
        with pytest.raises(Stop):
            main(stopped)
    folder = only_folder(tmp_path / "stopped")
    (results,) = main(Settings(resume=folder))
    assert cells(folder) == cells(only_folder(tmp_path / "wanted"))
    assert results.scores == expected.scores
    nets = (load_checkpoint(each / "checkpoint.safetensors").net for each in (folder, only_folder(tmp_path / "wanted")))
    one, other = (net.state_dict() for net in nets)
    assert all(torch.equal(value, other[name]) for name, value in one.items())


def test_a_finished_run_gets_no_more_epochs(tmp_path: Path) -> None:
    main(small(tmp_path, "--preset", "smoke"))
    with pytest.raises(SettingsError, match=r"--epochs 3 cannot be used with .* whose blocks learnt one_by_one"):
        resumed_settings(Settings(resume=only_folder(tmp_path), epochs=3))


def test_an_unfinished_run_keeps_its_epochs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def kill(training: Training, signals: Any) -> None:
        raise Stop

    asked = small(tmp_path, "--preset", "smoke")
    with monkeypatch.context() as patched:
        patched.setattr(Training, "_save_if_due", kill)
        with pytest.raises(Stop):
            main(asked)
    with pytest.raises(SystemExit) as ended:
        main(Settings(resume=only_folder(tmp_path), epochs=3))
    assert ended.value.code == 2
    assert "'epochs': 3" in capsys.readouterr().err


@pytest.mark.parametrize("script", [Settings(dataset="digits"), Settings(dataset="digits", model="cnn6")])
@pytest.mark.parametrize(
    "options",
    [
        "--labels channel",
        *(pytest.param(each, marks=pytest.mark.slow) for each in ("", "--label-at blocks", "--rule local_head")),
    ],
)
def test_every_experiment_takes_the_order(script: Settings, options: str, tmp_path: Path) -> None:
    given = "--order one_by_one --repeats 2 --redraw False --cache-gib 1 --portions 2 --preset smoke --train-images 60"
    arguments = [*given.split(), *options.split(), "--out", str(tmp_path), "--device", "cpu", "--inference", "goodness"]
    main(parse(script, None, arguments))
    about = json.loads((only_folder(tmp_path) / "settings.json").read_text())
    assert about["recipe"]["order"] == "one_by_one"
    assert about["recipe"]["stagger"] == 0.0  # a preset's is for blocks that learn together
    rows = cells(only_folder(tmp_path))
    blocks = sum(name.startswith("weight_rms_") for name in rows[0])
    assert len(rows) == 2 * blocks
    for index, row in enumerate(rows):
        learning = [block for block in range(blocks) if row[f"loss_{block + 1}"]]
        assert learning == [index % blocks]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--order one_by_one --rule bp", "--order one_by_one cannot be used with --rule bp"),
        ("--stagger 0.3", "--stagger 0.3 cannot be used with --order one_by_one; it can with --order together"),
        ("--cache-gib 1 --order together", "--cache-gib 1.0 cannot be used with --order together"),
        ("--cache-gib 1", "--cache-gib 1 cannot be used with --redraw True: new draws change the outputs of finished"),
        ("--cache-gib 0", "--cache-gib must be positive and finite, got 0.0"),
        ("--repeats 0", "--repeats must be at least 1, got 0"),
        ("--portions 0", "--portions must be at least 1, got 0"),
        ("--inference goodness_train --rule bp", "--inference goodness_train cannot be used with --rule bp"),
        ("--inference goodness_from --rule bp", "--inference goodness_from cannot be used with --rule bp"),
        ("--compare --order together", "--compare needs blocks that learn one after another"),
        ("--compare --rule bp", "--compare needs blocks that learn one after another"),
    ],
)
def test_what_does_not_go_together_is_refused(arguments: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        asked_for(arguments.split())
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


def test_an_unknown_order_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        asked_for(["--order", "upwards"])
    assert "one_by_one" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--portions", "61"), "--portions must leave at least 2 images in each part: at most 60 for the 120"),
        (("--preset", "quick", "--redraw", "False", "--cache-gib", "1e-9"), "below block 2 must fit in cache_gib"),
    ],
)
def test_what_the_data_make_impossible_is_refused_before_anything_is_written(
    more: tuple[str, ...], message: str, tmp_path: Path
) -> None:
    with pytest.raises(SettingsError, match=message):
        prepare(small(tmp_path / "runs", *more))
    assert not (tmp_path / "runs").exists()


def test_a_comparison_is_of_two_runs_that_differ_in_the_order(tmp_path: Path) -> None:
    arguments = [*SMALL, "--preset", "smoke", "--out", str(tmp_path), "--compare"]
    one, other = asked_for(arguments)
    assert replace(other, order=None) == one
    assert [recipe_for(each).order for each in (one, other)] == ["one_by_one", "together"]
    first, second = (main(each)[0] for each in (one, other))
    alone = [found.scores["goodness_from"]["per_block"]["accuracy"] for found in (first, second)]
    assert alone[0][0] == alone[1][0]  # the first block is the same
    with pytest.raises(SystemExit):
        asked_for([*arguments, "--resume", str(next(tmp_path.iterdir()))])


def test_portions_are_all_images_once_in_an_order_of_the_seed() -> None:
    data = noise(22, channels=1)
    (whole,) = portions_of(data, 1, seed=0)
    assert whole is data
    portions = portions_of(data, 3, seed=0)
    images = torch.cat([portion.images for portion in portions])
    assert sorted(map(bytes, images.numpy())) == sorted(map(bytes, data.images.numpy()))
    assert not torch.equal(images, data.images)
    assert torch.equal(images, torch.cat([portion.images for portion in portions_of(data, 3, seed=0)]))
    assert not torch.equal(images, torch.cat([portion.images for portion in portions_of(data, 3, seed=1)]))
    for image, label in zip(images, torch.cat([portion.classes for portion in portions]), strict=True):
        (index,) = (data.images == image).flatten(1).all(dim=1).nonzero()
        assert data.classes[index] == label


@pytest.mark.draws
def test_each_block_is_drawn_over_its_own_stretch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [
        {"epoch": 1, "discrimination_1": 0.5, "loss_1": 1.0},
        {"epoch": 2, "discrimination_1": 0.6, "loss_1": 0.9},
        {"epoch": 3, "discrimination_2": 0.7, "loss_2": 0.8},
    ]
    drawn: list[dict[str, dict[int, float]]] = []
    draw = figures._draw_blocks
    monkeypatch.setattr(
        figures,
        "_draw_blocks",
        lambda axes, blocks, *given, **options: drawn.append(blocks) or draw(axes, blocks, *given, **options),
    )
    figures.draw_learning_curve(rows, tmp_path / "curve.png", title="made up")
    assert drawn == [{"1": {1: 0.5, 2: 0.6}, "2": {3: 0.7}}]
    assert (tmp_path / "curve.png").exists()


def test_empty_cells_are_read_as_nothing(tmp_path: Path) -> None:
    from convff import EpochRecord

    file = MetricsFile(tmp_path / "metrics.csv")
    for epoch in (0, 1):
        metrics = {"loss": [0.5], "weight_rms": [1.0, 2.0]} | ({"readout_loss": [3.0]} if epoch else {})
        file.add(EpochRecord(epoch, metrics, 1.0, 1.0, {}, blocks=(epoch,)), {})
    rows = read_rows(tmp_path / "metrics.csv")
    assert rows == file.rows
    assert by_block(rows, "loss") == {"1": {1: 0.5}, "2": {2: 0.5}}
    assert by_block(rows, "weight_rms") == {"1": {1: 1.0, 2: 1.0}, "2": {1: 2.0, 2: 2.0}}
    assert [row.get("readout_loss") for row in rows] == [None, 3.0]  # of the network, not of block 2
    again = MetricsFile(tmp_path / "metrics.csv")
    again.go_back(1)
    assert again.rows == rows[:1]


@pytest.mark.slow
def test_quick_on_digits_learns(tmp_path: Path) -> None:
    (settings,) = asked_for(["--dataset", "digits", "--device", "cpu", "--out", str(tmp_path)])
    (results,) = main(settings)
    assert results.accuracy["goodness"] > 0.85


def test_tables_do_not_average_over_orders() -> None:
    run = {"dataset": "MNIST", "labels": "onehot", "rule": "ff", "seconds": {"training": 60, "total": 90}}
    run |= {"accuracy": {"goodness": 0.5}, "control": {"untrained_linear": None}}
    together, greedy = run | {"seed": 0, "order": "together"}, run | {"seed": 1, "order": "one_by_one"}
    first, second = rows([together, greedy])
    assert "| ff |" in first
    assert "| ff, one by one |" in second
    assert len(rows([run | {"seed": 1}, together])) == 1  # older runs have no order
