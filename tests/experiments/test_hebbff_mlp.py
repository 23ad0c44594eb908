"""The HebbFF paper's networks from the command line, and the search for what its paper leaves open."""

import json
import statistics
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import tyro

from convff import STABILISERS, load_checkpoint
from experiments import hebbff_table
from experiments import search as search_script
from experiments.config.command_line import parse
from experiments.config.presets import recipe_for
from experiments.config.presets.hebbff_nets import FOUND, WIDTHS
from experiments.config.search import SPACES
from experiments.config.settings import Settings, SettingsError
from experiments.hebbff_mlp import DEFAULT
from experiments.run.parts import prepare
from experiments.run.train import main
from experiments.search import Search, search

ROOT = Path(__file__).parent.parent.parent
COMMITTED = ROOT / "experiments" / "results" / "search"
FINE = {"lr": 2e-5, "theta": 0.5, "label_scale": 0.7}
TINY = Search(dataset="digits", trials=2, epochs=1, train_images=200, judged_images=100)
PAPERS_UNITS = {"deep": [784, 2048, 1024, 512, 256, 10], "wide": [784, 2000, 2000, 10]}


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Narrow layers instead of the paper's, for tests that are not about the network."""
    monkeypatch.setitem(WIDTHS, "deep", (32, 16, 10))


@pytest.mark.parametrize("net", PAPERS_UNITS)
@pytest.mark.parametrize("rule", ["ff", "hebbff", "bp"])
def test_the_networks_are_the_papers(net: str, rule: str) -> None:
    asked = parse(DEFAULT, None, ["--dataset", "stand_in", "--net", net, "--rule", rule, "--preset", "paper"])
    recipe = recipe_for(asked)
    units = [784, *recipe.model_options["widths"]]
    assert units == PAPERS_UNITS[net][: len(units)]
    assert len(units) == len(PAPERS_UNITS[net]) - (rule == "bp")  # its softmax head is the last layer
    assert (recipe.batch_size, recipe.gate, recipe.scale, recipe.reduction) == (128, "threshold", 1.0, "mean")
    assert (recipe.optimizer, recipe.momentum, recipe.decay) == ("sgd", 0.0, "constant")
    assert recipe.validation_images == 0.2 * 60_000
    assert recipe.first_block == 0


@pytest.mark.parametrize("rule", ["ff", "hebbff", "bp"])
@pytest.mark.parametrize("preset", ["smoke", "paper"])
def test_a_run_from_the_command_line(tmp_path: Path, rule: str, preset: str) -> None:
    arguments = ["--dataset", "digits", "--net", "wide", "--rule", rule, "--preset", preset, "--out", str(tmp_path)]
    (results,) = main(parse(DEFAULT, None, [*arguments, "--epochs", "1", "--train-images", "300", "--width", "40"]))
    assert results.accuracy["head" if rule == "bp" else "goodness"] is not None
    (folder,) = tmp_path.iterdir()
    net = load_checkpoint(folder / "checkpoint.safetensors").net
    assert [block.layer.out_features for block in net] == [40, 40] + ([1] if rule != "bp" else [])
    assert net.label_channels == 10


@pytest.mark.parametrize("rule", ["ff", "hebbff"])
def test_the_engine_can_be_automatic_differentiation(tmp_path: Path, rule: str) -> None:
    small = replace(
        DEFAULT, dataset="digits", preset="paper", epochs=1, train_images=300, width=64, precision="float32"
    )
    nets = []
    for engine in ("closed", "autograd"):
        main(replace(small, rule=rule, engine=engine, out=tmp_path / engine))
        (folder,) = (tmp_path / engine).iterdir()
        nets.append(load_checkpoint(folder / "checkpoint.safetensors").net)
    start = prepare(replace(small, rule=rule)).new_net()
    for before, closed, autograd in zip(start, *nets, strict=True):
        moved = (closed.layer.weight - before.layer.weight).norm()
        assert moved > 1e-3 * before.layer.weight.norm()
        assert (closed.layer.weight - autograd.layer.weight).norm() <= 1e-3 * moved


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model": "cnn6"}, "--net deep would change nothing: --model cnn6 is another network"),
        ({"labels": "onehot", "label_scale": 0.5}, "--label-scale 0.5 would change nothing"),
        ({"net": None, "model": "cnn6", "label_scale": 0.5}, "--label-scale 0.5 would change nothing"),
    ],
)
def test_idle_options_are_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        prepare(replace(DEFAULT, dataset="digits", **change))


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--label-scale", "0", "--label-scale must be positive and finite, got 0"),
        ("--theta", "nan", "--theta must be finite, got nan"),
        ("--theta", "inf", "--theta must be finite, got inf"),
    ],
)
def test_numbers_out_of_range_are_refused(
    option: str, value: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit_info:
        parse(DEFAULT, None, [option, value])
    assert exit_info.value.code == 2
    assert message in capsys.readouterr().err


@pytest.mark.usefixtures("small")
def test_a_search_finds_settings_and_goes_on_where_it_was(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = replace(TINY, out=tmp_path)
    first = search(asked)
    assert len(first["trials"]) == 2
    assert json.loads((tmp_path / f"{asked.name}.json").read_text()) == first
    assert first["accuracy"] == max(trial["accuracy"] for trial in first["trials"]) > 0
    for trial in first["trials"]:
        for name, (low, high) in asked.space.items():
            assert low <= trial[name] <= high
    assert first["judged_on"] == "100 validation images"

    more = search(replace(asked, trials=3))
    assert more["trials"][:2] == first["trials"]
    assert len(more["trials"]) == 3
    monkeypatch.setattr(search_script, "accuracies_with", lambda *_: pytest.fail("all trials were done already"))
    assert search(replace(asked, trials=3)) == more


def test_its_command_is_the_search_again() -> None:
    arguments = TINY.command.split()
    assert arguments[:2] == ["python", "experiments/search.py"]
    assert tyro.cli(Search, args=arguments[2:]) == TINY
    asked = replace(TINY, also=(Path("one.json"), Path("two.json")))
    assert tyro.cli(Search, args=asked.command.split()[2:]) == asked


@pytest.mark.usefixtures("small")
@pytest.mark.filterwarnings("ignore::convff.TrainingWarning")
def test_a_training_that_diverges_is_the_worst(tmp_path: Path) -> None:
    parts = prepare(replace(TINY, out=tmp_path).settings())
    wild = {"lr": 1e30, "theta": 1.0, "label_scale": 1.0}
    assert list(search_script.accuracies_with(parts, wild, 50)) == [0.0]


def accuracies(*of_trials: list[float]) -> Callable[..., Iterator[float]]:
    """Instead of training: what the trials reach after each epoch."""
    left = iter(of_trials)
    return lambda *_: iter(next(left))


@pytest.mark.usefixtures("small")
def test_a_trial_that_learns_nothing_ends_and_is_never_the_best(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = replace(TINY, out=tmp_path, trials=3, epochs=3)
    trials = [0.1, 0.1, 0.99], [0.2, 0.5, 0.6], [0.14, 0.14, 0.99]  # after half of the epochs
    monkeypatch.setattr(search_script, "accuracies_with", accuracies(*trials))
    found = search(asked)
    assert [(trial["accuracy"], trial["epochs"]) for trial in found["trials"]] == [(0.1, 2), (0.6, 3), (0.14, 2)]
    assert found["accuracy"] == 0.6
    assert found["best"] == {name: found["trials"][1][name] for name in asked.space}


@pytest.mark.usefixtures("small")
def test_a_search_that_found_nothing_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search_script, "accuracies_with", accuracies([0.1], [0.1]))
    with pytest.raises(SettingsError, match=r"no trial of .* learnt anything; more --trials"):
        search(replace(TINY, out=tmp_path, epochs=2))


@pytest.mark.usefixtures("small")
def test_what_another_search_found_is_tried_too_and_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    best = FINE
    (tmp_path / "short.json").write_text(json.dumps({"best": best, "command": TINY.command}))
    asked = replace(TINY, out=tmp_path, trials=4, also=(tmp_path / "short.json",))
    monkeypatch.setattr(search_script, "accuracies_with", accuracies(*[[0.3]] * 5))
    assert [{name: trial[name] for name in best} for trial in search(asked)["trials"]][3] == best
    again = search(replace(asked, trials=5))["trials"]
    assert sum(trial["lr"] == best["lr"] for trial in again) == 1


@pytest.mark.usefixtures("small")
def test_a_rate_of_the_other_rule_gives_the_first_layer_the_same_step(tmp_path: Path) -> None:
    """By the identity, so it is trained: one step of both rules from the same weights, in float32."""
    weights = {}
    lr = {"hebbff": 0.003}
    lr["ff"] = search_script._rate_of(replace(TINY, rule="ff"), lr["hebbff"], "hebbff")
    assert search_script._rate_of(TINY, lr["ff"], "ff") == pytest.approx(lr["hebbff"])
    for rule, rate in lr.items():
        settings = replace(TINY.settings(), rule=rule, lr=rate, theta=0.5, label_scale=1.0, precision="float32")
        parts = prepare(replace(settings, train_images=128))
        net = parts.new_net()
        start = net.blocks[0].layer.weight.clone()
        list(parts.new_trainer(net, None).fit(parts.train))
        weights[rule] = net.blocks[0].layer.weight - start
    assert (weights["ff"] - weights["hebbff"]).norm() <= 1e-4 * weights["hebbff"].norm() > 0


@pytest.mark.usefixtures("small")
def test_rates_are_taken_over_for_plain_steps_only(tmp_path: Path) -> None:
    (tmp_path / "ff.json").write_text(
        json.dumps(
            {
                "best": {"lr": 1e-3, "scale": 30.0, "label_scale": 0.3},
                "command": replace(TINY, rule="ff", preset="quick").command,
            }
        )
    )
    with pytest.raises(SettingsError, match="only be converted for optimizer sgd, got adam"):
        search(replace(TINY, preset="quick", out=tmp_path, also=(tmp_path / "ff.json",)))


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "not the result of a search .FileNotFoundError"),
        ("[]", "not the result of a search .TypeError"),
        ({"best": {"lr": 0.1}, "command": TINY.command}, "is outside the ranges of this search"),
        ({"best": {**FINE, "lr": 1000.0}, "command": TINY.command}, "is outside the ranges of this search"),
        ({"best": FINE, "command": TINY.command.replace("paper", "quick")}, "found for preset quick"),
    ],
)
def test_a_file_that_no_such_search_wrote_is_refused(
    tmp_path: Path, content: str | dict[str, object] | None, message: str
) -> None:
    path = tmp_path / "other.json"
    if content is not None:
        path.write_text(content if isinstance(content, str) else json.dumps(content))
    with pytest.raises(SettingsError, match=message):
        search(replace(TINY, out=tmp_path, also=(path,)))


def test_a_search_needs_real_data() -> None:
    assert TINY.settings().require_data


@pytest.mark.usefixtures("small")
def test_without_optuna_it_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "optuna", None)
    with pytest.raises(SettingsError, match=r"pip install -e .*\[search\]"):
        search(replace(TINY, out=tmp_path))


@pytest.mark.usefixtures("small")
def test_the_search_never_sees_a_test_image() -> None:
    parts = prepare(TINY.settings())
    assert parts.settings.evaluate_on == "validation"
    train = {image.numpy().tobytes() for image in parts.dataset.train.images}
    assert all(image.numpy().tobytes() in train for image in parts.judged.images)
    learnt_from = {image.numpy().tobytes() for image in parts.train.images}
    assert not any(image.numpy().tobytes() in learnt_from for image in parts.judged.images)


def test_the_presets_have_what_the_committed_searches_found() -> None:
    searched = {}
    for file in sorted(COMMITTED.glob("*-paper-*.json")):
        found = json.loads(file.read_text())
        asked = tyro.cli(Search, args=found["command"].split()[2:])
        searched[asked.dataset, asked.net, asked.rule] = found["best"]
    assert set(FOUND) == set(searched)
    assert len(FOUND) == 12
    for key, best in searched.items():
        assert FOUND[key] == pytest.approx(best, rel=0.01)
        for name, (low, high) in SPACES["paper", key[2]].items():
            assert low <= FOUND[key][name] <= high
    settings = Settings(dataset="mnist", net="deep", labels="layerwise", rule="hebbff", preset="paper")
    assert recipe_for(settings).lr == FOUND["mnist", "deep", "hebbff"]["lr"]


RUN = {
    "net": "deep",
    "dataset": "MNIST",
    "rule": "hebbff",
    "preset": "paper",
    "seed": 0,
    "judged_on": "10000 test images",
    "stabilise": [],
    "accuracy": {"goodness": 0.9},
}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dataset": "scikit-learn digits"}, "deep scikit-learn digits hebbff, seed 1: the paper has no such row"),
        ({"judged_on": "12000 validation images"}, "judged on 12000 validation images, but the table is about test"),
        ({"stabilise": ["oja"]}, "must not be stabilised, as in the paper, got oja"),
        ({"seed": 0}, "deep MNIST hebbff, seed 0: there are two runs with this seed"),
        ({"preset": "quick"}, "runs must have one preset to be averaged, got paper, quick"),
    ],
)
def test_runs_that_do_not_belong_together_are_refused(
    change: dict[str, object], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, run in (("first", RUN), ("second", RUN | {"seed": 1} | change)):
        (tmp_path / f"{name}.json").write_text(json.dumps(run))
    with pytest.raises(SystemExit) as exit_info:
        hebbff_table.main(hebbff_table.Tables(runs=tuple(sorted(tmp_path.iterdir()))))
    assert exit_info.value.code == 2
    assert message in capsys.readouterr().err


def test_the_tables_hold_the_papers_figures_and_ours(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base = RUN | {"net": "wide"}
    for rule, key, accuracies in (("hebbff", "goodness", (0.9, 0.92)), ("bp", "head", (0.97,))):
        for seed, accuracy in enumerate(accuracies):
            run = base | {"rule": rule, "seed": seed, "accuracy": {"goodness": None, key: accuracy}}
            (tmp_path / f"{rule}{seed}.json").write_text(json.dumps(run))
    ratios = {"ms": 10.0, "MiB": 30.0, "time over autograd ff": 0.5, "memory over autograd ff": 0.25}
    rows = [{"network": "wide", "rule": rule} | ratios for rule in (hebbff_table.USUAL_FF, "ff", "hebbff")]
    (tmp_path / "benchmark").write_text(json.dumps({"hebbff": rows}))
    runs = tuple(sorted(tmp_path.glob("*.json")))
    hebbff_table.main(hebbff_table.Tables(runs=runs, benchmark=tmp_path / "benchmark"))
    printed = capsys.readouterr().out
    assert "| wide | MNIST | 97.79 ± 0.21 | 97.00 (1) | 89.41 ± 0.34 | - | 89.16 ± 0.51 | 91.00 ± 1.41 (2) |" in printed
    assert (
        "| wide | hebbff | 0.50 / 0.69 | 0.50 | 0.65 | 0.25 | 10.0 | 30 |" in printed
    )  # 331 / 659 and 626 / 905 s, 106.2 / 164.5 MB
    assert "| wide | ff, closed form | - | 0.50 | - | 0.25 | 10.0 | 30 |" in printed


def test_a_run_of_another_network_is_no_row_of_the_tables(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "results.json").write_text(json.dumps({"rule": "ff", "accuracy": {"goodness": 0.5}}))
    for path, message in ((tmp_path, "not a run of experiments/hebbff_mlp.py"), (tmp_path / "none.json", "none.json")):
        with pytest.raises(SystemExit) as exit_info:
            hebbff_table.main(hebbff_table.Tables(runs=(path,)))
        assert exit_info.value.code == 2
        assert message in capsys.readouterr().err


def committed(pattern: str) -> list[dict[str, Any]]:
    """What the committed runs of a pattern left, in the order of their names."""
    return [json.loads(file.read_text()) for file in sorted((ROOT / "experiments" / "results").glob(pattern))]


def per_cent(pattern: str) -> list[float]:
    return [100 * (run["accuracy"].get("head") or run["accuracy"]["goodness"]) for run in committed(pattern)]


def test_the_pages_tables_are_what_the_committed_runs_say() -> None:
    page = (ROOT / "docs" / "hebbff.md").read_text()
    for folder, runs in (("paper", 36), ("own", 12)):
        results = committed(f"hebbff/{folder}/*.json")
        assert len(results) == runs
        for row in hebbff_table.accuracy_table(results).splitlines()[2:]:
            assert row in page
    (benchmark,) = committed("benchmark/cpu.json")
    for row in hebbff_table.cost_table(benchmark["hebbff"]).splitlines()[2:]:
        assert row in page


def test_the_readmes_claim_is_what_the_committed_runs_say() -> None:
    mean = statistics.mean(per_cent("hebbff/own/mnist-deep-hebbff-seed?.json"))
    by_theirs = statistics.mean(per_cent("hebbff/paper/mnist-deep-hebbff-seed?.json"))
    paper, _ = hebbff_table.PAPER_ACCURACY["deep", "MNIST", "hebbff"]
    readme = " ".join((ROOT / "README.md").read_text().split())
    said = f"{mean:.1f} % on MNIST by our recipe, {by_theirs:.1f} % by the paper's (there {paper:.1f} %)"
    assert f"which reach {said}" in readme


@pytest.mark.parametrize(
    ("piece", "name"),
    [
        ("bare", "none"),
        *((piece, f"`{piece}`") for piece in STABILISERS if piece != "peer"),  # which docs/hinton.md is about
        ("oja_0.001", "`oja`, λ = 0.001"),
    ],
)
def test_the_pages_stabilisers_are_what_the_committed_runs_say(piece: str, name: str) -> None:
    cells = []
    for kind in ("dense", "conv"):
        reached, bare = (
            {
                run["seed"]: 100 * run["accuracy"]["goodness"]
                for run in committed(f"stabilisers/{kind}-{each}-seed?.json")
            }
            for each in (piece, "bare")
        )
        if not reached and piece == "oja_0.001":  # for the dense network only
            cells += ["-", "-"]
            continue
        gained = statistics.mean(value - bare[seed] for seed, value in reached.items())
        cells += [", ".join(f"{reached[seed]:.1f}" if seed in reached else "diverged" for seed in (0, 1, 2))]
        cells += ["-" if piece == "bare" else f"{gained:+.1f}".replace("-", "−")]
    assert f"| {name} | {' | '.join(cells)} |" in (ROOT / "docs" / "hebbff.md").read_text()


@pytest.mark.parametrize("curve", ["hebbff-plain", "hebbff-momentum", "hebbff-relative", "ff-adam"])
def test_the_pages_curves_are_what_the_committed_runs_say(curve: str) -> None:
    (run,) = committed(f"curves/{curve}/results.json")
    alone = " ".join(f"{100 * accuracy:.0f}" for accuracy in run["per_layer"]["accuracy"])
    row = f" | {100 * run['accuracy']['goodness']:.1f} % | {alone} |"
    assert row in (ROOT / "docs" / "hebbff.md").read_text()
