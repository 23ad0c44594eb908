"""A run from the command line to its folder, and every way to refuse one before it starts. On scikit-learn's digits."""

import csv
import json
import socket
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from matplotlib.figure import Figure

from convff import load_checkpoint
from convff.machine.processes import OneProcess
from experiments.config.command_line import parse
from experiments.config.settings import Settings, SettingsError, settings_from_json
from experiments.datasets import DATASETS, load_dataset, stand_in
from experiments.run.parts import prepare
from experiments.run.torchrun import device_named, start_processes
from experiments.run.train import main
from labels import labels_from_spec
from tests.experiments.scripts import run_script

ROOT = Path(__file__).parent.parent.parent.parent


def tiny(out: Path, **changes: object) -> Settings:
    defaults: dict[str, object] = {"dataset": "digits", "preset": "smoke", "out": out, "device": "cpu"}
    return Settings(**(defaults | changes))


FEW = 300  # images to train on
NARROW = {"cnn3": 8, "cnn6": 8, "resnet": 8, "mlp": 40}  # filters or units of the first layer


def only_folder(out: Path) -> Path:
    (folder,) = out.iterdir()
    return folder


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_checkpoint(folder / "checkpoint.safetensors").net.state_dict()


@pytest.mark.parametrize(
    ("labels", "rule", "model"),
    [
        ("fourier", "ff", "cnn3"),
        pytest.param("fourier", "hebbff", "cnn6", marks=pytest.mark.slow),
        ("fourier", "ff", "resnet"),
        pytest.param("layerwise", "hebbff", "resnet", marks=pytest.mark.slow),
        pytest.param("morph", "hebbff", "cnn3", marks=pytest.mark.slow),
        ("channel", "ff", "cnn6"),
        pytest.param("layerwise", "ff", "cnn6", marks=pytest.mark.slow),
        ("layerwise", "hebbff", "mlp"),
        pytest.param("echo", "ff", "cnn3", marks=pytest.mark.slow),
        ("learned", "ff", "cnn6"),
        pytest.param("learned", "hebbff", "cnn3", marks=pytest.mark.slow),
        ("onehot", "ff", "mlp"),
        pytest.param("onehot", "hebbff", "mlp", marks=pytest.mark.slow),
        ("fourier", "bp", "cnn3"),
        ("onehot", "bp", "mlp"),
    ],
)
@pytest.mark.draws
def test_a_run_leaves_its_folder(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    labels: str,
    rule: str,
    model: str,
) -> None:
    if (labels, model) != ("fourier", "cnn3"):  # one run of each rule renders its figures; they take most of the time
        monkeypatch.setattr(Figure, "savefig", lambda figure, path, **options: path.touch())
    (results,) = main(tiny(tmp_path, labels=labels, rule=rule, model=model, width=NARROW[model]))
    folder = only_folder(tmp_path)
    assert {path.name for path in folder.iterdir()} == {
        "settings.json",
        "metrics.csv",
        "results.json",
        "predictions.npz",
        "checkpoint.safetensors",
        "best.safetensors",
        "training",
        "figures",
    }
    assert {path.name for path in (folder / "training").iterdir()} == {"last.safetensors", "previous.safetensors"}
    drawn = ("learning_curve", "confusion_matrix", *(("first_layer",) if labels == "onehot" else ()))
    figures = {f"{name}.{kind}" for name in drawn for kind in ("png", "pdf")}
    assert {path.name for path in (folder / "figures").iterdir()} == figures

    report = json.loads((folder / "results.json").read_text())
    contract = "dataset labels rule preset seed accuracy control per_layer label_only_probe images_per_second"
    assert set(report) >= {*contract.split(), "peak_memory_mib", "seconds", "versions", "git_commit"}
    assert report["accuracy"]["linear"] == results.accuracy["linear"]
    assert report["findings"] == []
    assert 0.05 <= report["control"]["untrained_linear"] <= 1
    if rule == "bp":
        assert report["accuracy"]["goodness"] is None
        assert report["accuracy"]["head"] is not None
    else:
        blocks = len(load_checkpoint(folder / "checkpoint.safetensors").net)
        assert len(report["per_layer"]["discrimination"]) == len(report["per_layer"]["accuracy"]) == blocks
        assert len(report["label_only_probe"]["label_bias"]) == blocks

    rows = list(csv.DictReader((folder / "metrics.csv").read_text().splitlines()))
    assert [row["epoch"] for row in rows] == ["1"]
    printed = capsys.readouterr().out
    assert "untrained network (control)" in printed
    saved = load_checkpoint(folder / "checkpoint.safetensors").extra
    assert ("head.weight" in saved) == (rule == "bp")
    assert saved["readout.linear.weight"].abs().sum() > 0
    assert str(folder) in printed


@pytest.mark.parametrize("preset", ["quick", "paper", pytest.param("long", marks=pytest.mark.slow)])
@pytest.mark.parametrize("rule", ["ff", "hebbff"])
def test_every_preset_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, preset: str, rule: str) -> None:
    digits = load_dataset("digits", None)
    few = replace(digits, train=digits.train.part(0, 100), test=digits.test.part(0, 40))
    monkeypatch.setitem(DATASETS, "digits", lambda *arguments: few)
    changes = {"epochs": 1, "train_images": 60, "batch_size": 20, "width": 16}
    (results,) = main(tiny(tmp_path, preset=preset, rule=rule, **changes))
    assert results.accuracy["goodness"] is not None
    assert results.accuracy["linear"] is not None
    assert ("linear_joint" in results.accuracy) == (preset == "paper")


def test_the_threshold_gate_is_open_at_the_start(tmp_path: Path) -> None:
    """Its threshold fits the goodness that the rule has, mean or sum; else every gate is shut from the first step."""
    main(tiny(tmp_path, gate="threshold", scale=1.0))
    (row,) = csv.DictReader((only_folder(tmp_path) / "metrics.csv").read_text().splitlines())
    assert all(float(row[f"saturation_{block}"]) < 0.1 for block in (1, 2, 3))


def test_the_blank_image_probe_sees_a_planted_shortcut(tmp_path: Path) -> None:
    """A network that goes by the brightness of the image alone has a label bias where labels change brightness."""
    from experiments.run.parts import prepare

    parts = prepare(tiny(tmp_path, labels="morph", model="cnn6", precision="float32"))
    net = parts.new_net()
    first = net.blocks[0].layer
    torch.nn.init.constant_(first.weight, 1 / first.weight[0].numel())
    torch.nn.init.zeros_(first.bias)
    assert parts.evaluator().own(net, {}).per_block["label_bias"][0] > 0.3


@pytest.mark.parametrize(("labels", "rule"), [("fourier", "ff"), ("learned", "ff"), ("fourier", "bp")])
def test_a_run_judged_again_gives_the_same(tmp_path: Path, labels: str, rule: str) -> None:
    from experiments.rejudge import rejudge

    (results,) = main(tiny(tmp_path, labels=labels, rule=rule, train_images=FEW))
    again = rejudge(only_folder(tmp_path))
    assert again["accuracy"] == results.accuracy
    assert again["control"] == results.control
    for name, values in results.label_only_probe.items():
        assert again["label_only_probe"][name] == pytest.approx(values, rel=1e-4)


def test_stabilisers_are_named_wherever_the_rule_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from experiments.run import folder
    from experiments.table import row

    settings = parse(
        Settings(dataset="digits"), None, ["--preset", "smoke", "--rule", "hebbff", "--stabilise", "weight_norm", "oja"]
    )
    main(replace(settings, out=tmp_path, device="cpu", inference=("goodness",)))
    run = folder.read(only_folder(tmp_path))
    assert run.settings.stabilise == ("weight_norm", "oja")
    assert run.method == "fourier hebbff + weight_norm + oja"
    assert "| hebbff + weight_norm + oja |" in row(run.results)
    assert capsys.readouterr().out.count("rule hebbff + weight_norm + oja") == 2  # at the start and at the end


def test_runs_of_before_there_were_stabilisers_have_none() -> None:
    saved = Settings().as_json()
    del saved["stabilise"], saved["stabiliser_strength"]
    assert settings_from_json(saved) == Settings()


def test_too_few_images_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from PIL import Image

    for split in ("train", "test"):
        for shade, name in ((40, "dark"), (200, "light")):
            (tmp_path / "data" / split / name).mkdir(parents=True)
            Image.new("RGB", (16, 16), (shade,) * 3).save(tmp_path / "data" / split / name / "one.png")
    with pytest.raises(SystemExit) as stop:
        main(tiny(tmp_path / "runs", dataset="folder", data_dir=tmp_path / "data"))
    assert stop.value.code == 2
    assert "there are 2 training images; at least 10 are needed" in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("inference", ["goodness", "linear"])
def test_one_kind_of_inference_alone(tmp_path: Path, inference: str) -> None:
    (results,) = main(tiny(tmp_path, inference=(inference,), train_images=FEW))
    assert (results.accuracy["goodness"] is None) == (inference == "linear")
    assert (results.accuracy["linear"] is None) == (inference == "goodness")
    assert (results.control["untrained_linear"] is None) == (inference == "goodness")
    assert "validation_goodness_accuracy" in (only_folder(tmp_path) / "metrics.csv").read_text()  # in any case


@pytest.mark.parametrize("family", ["fourier", "learned"])
def test_the_checkpoint_rebuilds_what_was_judged(tmp_path: Path, family: str) -> None:
    from convff.inference.goodness import block_goodness_of, predictions

    (results,) = main(tiny(tmp_path, labels=family, precision="float32", train_images=FEW))
    checkpoint = load_checkpoint(only_folder(tmp_path) / "checkpoint.safetensors")
    labels = labels_from_spec(checkpoint.notes["labels"])
    test = load_dataset("digits", None).test.part(0, 500)
    predicted = predictions(block_goodness_of(checkpoint.net, test, labels), range(1, len(checkpoint.net)))
    assert (predicted == test.classes).float().mean().item() == pytest.approx(results.accuracy["goodness"])


def test_learned_maps_survive_the_run(tmp_path: Path) -> None:
    from experiments.run import folder as run_folder
    from experiments.run.parts import prepare

    settings = tiny(tmp_path, labels="learned", precision="float32", train_images=FEW)
    (results,) = main(settings)
    folder = only_folder(tmp_path)
    saved = load_checkpoint(folder / "checkpoint.safetensors").notes["labels"]
    fresh = prepare(settings).labels  # one step was tried, on other maps
    assert "maps" in saved
    assert fresh.spec() == json.loads((folder / "settings.json").read_text())["labels"]
    assert "maps" not in fresh.spec()

    again = run_folder.read_with_network(run_folder.read(folder))
    assert again.parts.labels.spec() == saved
    assert again.parts.untrained()[1].spec() == fresh.spec()
    images = again.parts.judged.images / 255.0
    assert again.readout is not None
    right = (again.readout(images).argmax(dim=1) == again.parts.judged.classes).float().mean().item()
    assert right == pytest.approx(results.accuracy["linear"])


def test_same_seed_same_bits_and_another_seed_another_net(tmp_path: Path) -> None:
    for out, seed in (("a", 0), ("b", 0), ("c", 1)):
        main(tiny(tmp_path / out, seed=seed, inference=("goodness",), train_images=FEW))
    first, again, other = (weights(only_folder(tmp_path / out)) for out in "abc")
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not all(torch.equal(first[name], other[name]) for name in first)


def test_several_seeds_give_mean_and_deviation(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    results = main(tiny(tmp_path, seeds=2, seed=3, train_images=100))
    assert [result.seed for result in results] == [3, 4]
    assert len([path for path in tmp_path.iterdir() if path.is_dir()]) == 2
    printed = capsys.readouterr().out
    assert "2 seeds, 3 to 4" in printed
    assert "±" in printed


def test_validation_images_are_held_out(tmp_path: Path) -> None:
    from experiments.run.parts import prepare

    on_test = prepare(tiny(tmp_path, preset="quick"))
    on_validation = prepare(tiny(tmp_path, preset="quick", evaluate_on="validation"))
    for parts in (on_test, on_validation):
        learnt = {image.numpy().tobytes() for image in parts.train.images}
        held_out = [image.numpy().tobytes() for image in parts.validation.images]
        assert sum(image in learnt for image in held_out) <= 0.01 * len(held_out)  # digits may hold the same twice
        assert len(parts.train) + len(parts.validation) == len(on_test.dataset.train)
    assert torch.equal(on_validation.judged.images, on_validation.validation.images)
    assert torch.equal(on_test.judged.images, on_test.dataset.test.images)


def test_the_stand_in_is_named_wherever_the_data_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stand_in, "TRAIN_COUNT", 300)
    monkeypatch.setattr(stand_in, "TEST_COUNT", 200)
    (results,) = main(tiny(tmp_path, dataset="stand_in", train_images=200, width=8))
    assert results.is_stand_in
    assert "stand-in" in json.loads((only_folder(tmp_path) / "results.json").read_text())["dataset"]
    printed = capsys.readouterr().out
    assert printed.count("DRAWN STAND-IN") >= 2  # at the start and at the end


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"label_intensity": 1.5}, r"--label-intensity must be in \[0, 1\], got 1.5"),
        ({"epochs": 0}, "--epochs must be at least 1, got 0"),
        ({"batch_size": 1}, "--batch-size must be at least 2, got 1"),
        ({"lr": -1.0}, "--lr must be positive and finite, got -1.0"),
        ({"momentum": 1.0}, r"--momentum must be in \[0, 1\), got 1.0"),
        ({"seeds": 0}, "--seeds must be at least 1, got 0"),
        ({"negatives": 10}, "10 wrong labels per image, but there are 9 wrong classes"),
        ({"device": "abacus"}, "--device abacus cannot be used here"),
        ({"device": "meta"}, "--device meta cannot be used here"),
        ({"seed": 2**70}, r"--seed must be in \[0, 2\^63\)"),
        ({"labels": "onehot", "label_intensity": 0.5}, "--label-intensity 0.5 would change nothing"),
        ({"labels": "learned", "label_intensity": 0.5}, "--labels learned has no intensity"),
        ({"labels": "learned", "label_selection": "random"}, "--labels learned has no candidates"),
        ({"labels": "echo", "label_selection": "random"}, "--labels echo has no candidates"),
        ({"labels": "learned", "rule": "bp"}, "labels do not learn by it"),
        ({"theta": 1.0}, "--theta 1.0 would change nothing"),
        ({"rule": "bp", "negatives": 2}, "--negatives 2 would change nothing"),
        ({"rule": "bp", "stabilise": ("oja", "bcm")}, "--stabilise oja bcm would change nothing"),
        ({"stabiliser_strength": 0.1}, "--stabiliser-strength 0.1 would change nothing"),
        ({"stabilise": ("oja",), "stabiliser_strength": -0.1}, "--stabiliser-strength must be at least 0, got -0.1"),
        ({"stabilise": ("weight_norm",), "stabiliser_strength": 2.0}, r"strength must be in \[0, 1\], got 2.0"),
        ({"stabilise": ("oja", "oja")}, "--stabilise must name each stabiliser once, got oja oja"),
        ({"dataset": "folder"}, "folder"),
        ({"dataset": "mnist", "data_dir": Path("no/such/place")}, "no/such/place"),
    ],
)
def test_bad_settings_are_refused_before_anything_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], changes: dict[str, object], message: str
) -> None:
    out = tmp_path / "runs"
    settings = tiny(out, **changes)
    with pytest.raises(SystemExit) as stop:
        main(settings)
    assert stop.value.code == 2
    import re

    assert re.search(message, capsys.readouterr().err)
    assert not out.exists()


@pytest.fixture
def second_of_two(monkeypatch: pytest.MonkeyPatch) -> None:
    """This is the second of the two processes that torchrun started on a machine of two GPUs."""
    for name, value in {"WORLD_SIZE": 2, "LOCAL_WORLD_SIZE": 2, "RANK": 1, "LOCAL_RANK": 1}.items():
        monkeypatch.setenv(name, str(value))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch, "empty", lambda *arguments, **options: None)


@pytest.mark.parametrize("name", ["auto", "cuda", "cuda:1"])
def test_each_process_has_its_own_gpu(second_of_two: None, name: str) -> None:
    assert device_named(name) == torch.device("cuda", 1)


def test_two_processes_are_refused_one_gpu(second_of_two: None, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError, match=r"--device cuda:0 cannot be used here: process 1 .* computes on cuda:1"):
        device_named("cuda:0")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setenv("LOCAL_RANK", "0")  # the first is refused too: it would wait for the second
    for name in ("auto", "cuda", "cuda:0"):
        with pytest.raises(SettingsError, match=rf"--device {name} .* has 1 for its 2 processes"):
            device_named(name)


def test_an_out_that_is_a_file_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(SystemExit) as stop:
        main(tiny(tmp_path / "taken" / "runs"))
    assert stop.value.code == 2
    assert "taken is not a writable folder" in capsys.readouterr().err


def test_divergence_stops_the_run_and_says_where(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(tiny(tmp_path, optimizer="sgd", lr=1e30))
    assert stop.value.code == 3
    message = capsys.readouterr().err
    assert "of block " in message
    assert "epoch 1" in message
    assert "try a smaller lr" in message


@pytest.fixture
def under_torchrun(monkeypatch: pytest.MonkeyPatch) -> None:
    """This process is the only one of a group, as torchrun --nproc-per-node=1 starts it."""
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port = probe.getsockname()[1]
    environment = {"WORLD_SIZE": 1, "RANK": 0, "LOCAL_RANK": 0, "MASTER_ADDR": "localhost", "MASTER_PORT": port}
    for name, value in environment.items():
        monkeypatch.setenv(name, str(value))


@pytest.mark.parametrize("call", ["broadcast", "all_reduce", "all_gather", "barrier"])
def test_a_lost_process_is_exit_code_4(
    under_torchrun: None, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    """Whatever it was wanted for: weights, sums, batch norm, or only the end."""

    def closed(*arguments: object, **options: object) -> None:
        raise RuntimeError("Connection closed by peer\nand where in the source that was")

    monkeypatch.setattr(dist, call, closed)
    with pytest.raises(SystemExit) as stop:
        main(tiny(tmp_path, model="cnn6", width=8, inference=("linear",), train_images=FEW))
    assert stop.value.code == 4
    assert capsys.readouterr().err.endswith(
        "error: another process of this run ended or no longer answers (Connection closed by peer)\n"
    )


@pytest.mark.parametrize(
    ("changes", "fault", "remedy"),
    [
        ({"gate": "threshold", "scale": 1.0, "theta": 1000.0}, "saturated gates", "a smaller theta"),
        ({"scale": 1e6, "rule": "hebbff"}, "saturated gates", "a smaller scale"),
        ({"optimizer": "sgd", "lr": 10.0}, "dead layer", "a smaller lr"),
        ({"optimizer": "adam", "lr": 10.0}, "growing weights", "a smaller lr"),
    ],
)
def test_a_wrong_setting_explains_itself(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], changes: dict[str, object], fault: str, remedy: str
) -> None:
    (results,) = main(tiny(tmp_path, inference=("goodness",), **changes))
    finding = next(finding for finding in results.findings if finding.fault == fault)
    assert finding.block == 1
    assert finding.remedy.startswith(remedy)
    *_, closing = (printed := capsys.readouterr().out).partition("goodness inference")
    assert printed.count(f"warning: {finding}\n") == 2  # when it shows, and again at the end
    assert f"  warning: {fault} in block 1, epoch 1: " in closing
    saved = json.loads((only_folder(tmp_path) / "results.json").read_text())["findings"]
    assert saved == [asdict(finding) for finding in results.findings]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--labels", "morse"], "morse"),
        (["--rule", "hebb"], "hebbff"),
        (["--preset", "slow"], "smoke"),
        (["--seed", "many"], "--seed"),
        (["--label-intensity", "2"], r"[0, 1]"),
        (["--colour", "red"], "--colour"),
    ],
)
def test_bad_options_exit_with_2_and_say_what_is_allowed(
    capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    with pytest.raises(SystemExit) as stop:
        parse(Settings(dataset="digits"), None, arguments)
    assert stop.value.code == 2
    assert message in capsys.readouterr().err


def test_the_script_itself(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = "--dataset digits --preset smoke --labels morph --rule hebbff --inference goodness --train-images 200"
    run_script("cifar10", *options.split(), "--out", tmp_path)
    assert "goodness inference" in capsys.readouterr().out
    assert (only_folder(tmp_path) / "results.json").is_file()


def test_the_table_of_runs(tmp_path: Path) -> None:
    from experiments.table import table

    (results,) = main(tiny(tmp_path, train_images=FEW))
    printed = table([only_folder(tmp_path)]).splitlines()
    assert len({line.count("|") for line in printed}) == 1
    assert f"{100 * results.accuracy['goodness']:.1f} %" in printed[-1]
    with pytest.raises(FileNotFoundError):
        table([tmp_path / "nothing"])


def test_seeds_of_one_method_make_one_row_of_the_table() -> None:
    from experiments.table import rows

    def results(seed: int, accuracy: float, rule: str = "ff") -> dict[str, object]:
        return {
            "dataset": "MNIST",
            "labels": "output",
            "rule": rule,
            "seed": seed,
            "accuracy": {"groups": accuracy, "linear": 0.5},
            "control": {"untrained_linear": 0.25},
            "seconds": {"training": 60.0, "total": 120.0},
        }

    three = [results(seed, accuracy) for seed, accuracy in enumerate((0.7, 0.8, 0.9))]
    assert rows([*three, results(0, 0.5, "bp")]) == [
        "| MNIST | output | ff | 80.0 ± 10.0 % (groups) (3 seeds) | 50.0 ± 0.0 % | 25.0 ± 0.0 % | 1.0 | 2.0 |",
        "| MNIST | output | bp | 50.0 % (groups) | 50.0 % | 25.0 % | 1.0 | 2.0 |",
    ]
    assert len(rows([*three, results(2, 0.9)])) == 4  # one seed twice: they differ in something else


def test_candidates_of_the_readout_are_reported(tmp_path: Path) -> None:
    [results] = main(tiny(tmp_path, candidates=3, inference=("goodness",), train_images=FEW))
    assert results.candidates == 3
    assert results.accuracy["goodness"] is not None
    assert results.accuracy["linear"] is None  # it was fitted to name candidates, and not asked for
    [every] = main(tiny(tmp_path, candidates=0, train_images=FEW))
    assert every.candidates is None


@pytest.mark.parametrize(
    ("changes", "option"),
    [
        ({"candidates": 3, "inference": ("linear",)}, "--candidates 3"),
        ({"rule": "bp", "engine": "autograd"}, "--engine autograd"),
        ({"rule": "bp", "compile": True}, "--compile True"),
        ({"rule": "bp", "candidates": 3}, "--candidates 3"),
    ],
)
def test_options_about_speed_that_would_change_nothing_are_refused(
    changes: dict[str, object], option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(tiny(tmp_path, **changes))
    assert f"error: {option} would change nothing" in capsys.readouterr().err


def test_both_engines_reach_the_same(tmp_path: Path) -> None:
    runs = [main(tiny(tmp_path, engine=engine, precision="float32"))[0] for engine in ("closed", "autograd")]
    assert runs[0].accuracy["goodness"] == pytest.approx(runs[1].accuracy["goodness"], abs=0.05)


@pytest.mark.parametrize(("local_rank", "order"), [(0, ["load", "wait"]), (1, ["wait", "load"])])
def test_the_first_process_of_a_machine_loads_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, local_rank: int, order: list[str]
) -> None:
    digits, done = load_dataset("digits", None), []
    group = OneProcess()
    group.wait = lambda: done.append("wait")
    monkeypatch.setitem(DATASETS, "digits", lambda *arguments: done.append("load") or digits)
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("LOCAL_RANK", str(local_rank))
    prepare(tiny(tmp_path), processes=group)
    assert done == order


OTHER_DATA = """
import os
from dataclasses import replace
from pathlib import Path
from experiments.datasets import DATASETS, load_dataset
from experiments.run.train import main
from experiments.config.settings import Settings

digits = load_dataset("digits", None)
if os.environ["RANK"] == "1":
    mirrored = replace(digits.train, images=digits.train.images.flip(-1), name="drawn")
    digits = replace(digits, train=mirrored, source="elsewhere", is_stand_in=True)
DATASETS["digits"] = lambda *arguments: digits
main(Settings(dataset="digits", preset="smoke", device="cpu", out=Path(out)))
"""


@pytest.mark.slow  # two processes that import everything
def test_processes_with_different_data_are_refused(tmp_path: Path) -> None:
    out = tmp_path / "runs"
    started = start_processes(["-c", f"out = {str(out)!r}\n{OTHER_DATA}"], 2, stderr=subprocess.PIPE)
    for rank, process in enumerate(started):
        _, errors = process.communicate(timeout=100)
        assert process.returncode == 2
        assert "error: the processes loaded different data" in errors
        assert "process 0: name scikit-learn digits, stand-in False, checksum " in errors
        assert "process 1: name drawn, stand-in True, checksum " in errors
        assert "training images" not in errors  # they are as many
        assert f"Process {rank} took {('the digits that come', 'elsewhere')[rank]}" in errors
    assert not out.exists()


@pytest.mark.slow  # its parts are tested by tests/convff/machine/test_processes.py
def test_torchrun_trains_in_two_processes(tmp_path: Path) -> None:
    """As a user types it; rank 0 alone writes and prints."""
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "experiments/mnist.py"]
    options = ["--dataset", "digits", "--preset", "smoke", "--precision", "float32", "--out", str(tmp_path)]
    done = subprocess.run([*command, *options], cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    [folder] = tmp_path.iterdir()
    results = json.loads((folder / "results.json").read_text())
    assert results["processes"] == 2
    assert results["accuracy"]["goodness"] > 0.2
    assert done.stdout.count("goodness inference") == 1


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
@pytest.mark.parametrize("rule", ["ff", "hebbff", "bp"])
def test_a_whole_run_on_a_gpu(tmp_path: Path, rule: str) -> None:
    """Training, goodness, candidates, readout, control and checkpoint."""
    small = Settings(dataset="digits", rule=rule, preset="smoke", device="cuda", out=tmp_path, train_images=200)
    (results,) = main(small if rule == "bp" else replace(small, candidates=3))
    assert results.hardware == torch.cuda.get_device_name(0)
    assert results.accuracy["head" if rule == "bp" else "goodness"] is not None
    (folder,) = tmp_path.iterdir()
    assert len(load_checkpoint(folder / "checkpoint.safetensors").net) > 1


def test_an_interrupted_training_leaves_the_weights_of_its_last_epoch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("experiments.run.evaluate.Evaluator.of_epoch", interrupted)  # after the first epoch
    with pytest.raises(KeyboardInterrupt):
        main(Settings(dataset="digits", preset="smoke", out=tmp_path, train_images=200))
    (folder,) = tmp_path.iterdir()
    assert load_checkpoint(folder / "checkpoint.safetensors").notes["settings"]["train_images"] == 200
