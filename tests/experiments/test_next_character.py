"""The script of next characters: presets, a run folder, stopping and going on to the bit, and what it refuses."""

import json
import os
import signal
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import get_args

import pytest
import torch
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

from convff import REGIMES, CharacterTrainer, Schedule, load_tensors
from convff.characters.checks import BY_UNIT, FROM_ZERO
from convff.characters.training import HIDDEN, SOFTMAX, SOFTMAX_UNITS, softmax_schedule
from experiments.characters import refusals
from experiments.characters import run as running
from experiments.characters.figure import draw_perplexities
from experiments.characters.refusals import check
from experiments.characters.run import main
from experiments.characters.settings import (
    NAMES,
    PRESETS,
    UNITS,
    NextCharacter,
    PresetName,
    RegimeName,
    SoftmaxStep,
    recipe_of,
    settings_from_json,
)
from experiments.config.settings import SettingsError
from experiments.datasets.known import ENVIRONMENT
from experiments.next_character import asked_for
from experiments.run.metrics import read_rows
from tests.experiments.characters.samples import fables


@pytest.fixture(autouse=True)
def _undrawn(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.node.get_closest_marker("draws") is None:
        monkeypatch.setattr(running, "draw_perplexities", lambda *arguments: None)


@pytest.fixture
def small(tmp_path: Path) -> NextCharacter:
    """A run of a moment: six strings, two layers, four updates."""
    (tmp_path / "mine.txt").write_text(fables(9), encoding="utf-8")
    return NextCharacter(
        text=tmp_path / "mine.txt",
        train_strings=6,
        widths=(9, 8),
        updates=4,
        out=tmp_path / "runs",
        device="cpu",
        precision="float32",
    )


def folder_of(settings: NextCharacter) -> Path:
    (folder,) = (path for path in settings.out.iterdir() if path.is_dir())
    return folder


def rows_of(folder: Path, regime: str) -> list[dict[str, float]]:
    return [{k: v for k, v in row.items() if k != "seconds"} for row in read_rows(folder / regime / "metrics.csv")]


def weights_of(folder: Path, regime: str) -> dict[str, torch.Tensor]:
    return load_tensors(folder / regime / "checkpoint.safetensors", kind="next-character")[0]


def assert_same_run(one: Path, other: Path, regimes: tuple[str, ...]) -> None:
    for regime in regimes:
        assert rows_of(one, regime) == rows_of(other, regime)
        weights, others = (weights_of(each, regime) for each in (one, other))
        assert all(torch.equal(weights[name], others[name]) for name in weights)


def test_the_papers_run_is_the_papers() -> None:
    paper = recipe_of(asked_for(["--preset", "paper"]))
    assert (paper.train_strings, paper.length, paper.window, paper.widths) == (248, 100, 10, (2000, 2000, 2000))
    assert paper.train_strings * (paper.length - paper.window) == 22_320
    assert (paper.updates, paper.temperature, paper.held_out_strings) == (100, 1.0, 63)
    quick = recipe_of(asked_for([]))
    by_width = {"softmax_lr": paper.softmax_lr, "softmax_decay": paper.softmax_decay}
    assert replace(quick, widths=paper.widths, updates=100, **by_width) == paper
    assert quick.widths == (500, 500, 500)
    for recipe in (quick, paper):
        wanted = softmax_schedule(recipe.widths)  # the library's own
        found = Schedule(
            optimizer=recipe.softmax_optimizer,
            lr=recipe.softmax_lr,
            weight_decay=recipe.softmax_decay,
            decay="constant",
        )
        assert found == wanted
    assert recipe_of(asked_for(["--softmax-lr", "0.1", "--widths", "9"])).softmax_lr == 0.1
    assert set(get_args(SoftmaxStep)) == set(FROM_ZERO)
    assert refusals.BY_UNIT == BY_UNIT
    hidden = {name: getattr(HIDDEN, name) for name in ("optimizer", "lr", "momentum", "decay")}
    assert {name: getattr(quick, name) for name in hidden} == hidden
    assert (UNITS, quick.momentum) == (SOFTMAX_UNITS, SOFTMAX.momentum)
    assert set(get_args(PresetName)) == set(PRESETS)
    assert set(get_args(RegimeName)) == {"all", *REGIMES}
    assert asked_for([]).regimes == NAMES == tuple(REGIMES)


def test_a_run_leaves_its_folder(small: NextCharacter, capsys: pytest.CaptureFixture[str]) -> None:
    (results,) = main(small)
    folder = folder_of(small)
    assert folder.name == "all-quick-seed0"
    said, written = capsys.readouterr().out, (folder / "report.md").read_text()
    assert json.loads((folder / "results.json").read_text())["regimes"] == results["regimes"]
    about = json.loads((folder / "settings.json").read_text())
    assert settings_from_json(about["settings"]) == small
    assert (about["recipe"]["widths"], about["precision"]) == ([9, 8], "float32")
    assert (results["train_strings"], results["held_out_strings"], results["is_stand_in"]) == (6, 3, False)
    assert set(results["regimes"]) == set(REGIMES)
    for regime, last in results["regimes"].items():
        rows = rows_of(folder, regime)
        assert [row["updates"] for row in rows] == [0, 1, 2, 3, 4]
        assert rows[0]["perplexity"] == rows[0]["held_out_perplexity"] == pytest.approx(30)
        assert rows[-1]["perplexity"] == last["perplexity"] < 30
        assert "held_out_perplexity" in last
        assert f"{last['perplexity']:.2f}" in written
        assert f"{regime}, 4 updates: perplexity {last['perplexity']:.2f}, held out" in said
        assert f"Text generated by {regime}" in written
    assert "| 5-gram, counted |" in written
    sample = written.split("```")[1].strip().splitlines()[0]
    assert len(sample) == 100


@pytest.mark.draws
def test_the_figure_has_both_panels(tmp_path: Path) -> None:
    rows = [{"updates": n, "perplexity": 30.0 - n, "held_out_perplexity": 30.0 - n / 2} for n in range(3)]
    rows.append({"updates": 3, "perplexity": 27.0})  # a look at held-out text is not due at each update
    ngrams = {"bigram": {"train": 9.7, "held_out": 10.1}}
    draw_perplexities({"combined": rows, "separated": rows}, ngrams, tmp_path / "figures" / "figure5.png")
    assert (tmp_path / "figures" / "figure5.pdf").stat().st_size > 1000


@pytest.mark.draws
def test_labels_of_figure_5_do_not_overlap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    boxes: dict[object, list[Bbox]] = {}

    def look(figure: Figure, *arguments: object, **options: object) -> None:
        figure.draw_without_rendering()
        for axes in figure.axes:
            boxes[axes] = [text.get_window_extent() for text in axes.texts]

    monkeypatch.setattr(Figure, "savefig", look)
    rows = [{"updates": float(n), "perplexity": 30 - n, "held_out_perplexity": 30 - n} for n in range(4)]
    values = {"unigram": 17.7, "bigram": 10.1, "trigram": 6.6, "4-gram": 5.2, "5-gram": 5.1}
    ngrams = {name: {"train": value, "held_out": value} for name, value in values.items()}
    draw_perplexities({"combined": rows}, ngrams, tmp_path / "figure5.png")
    assert [len(found) for found in boxes.values()] == [4, 4]  # 4-gram and 5-gram share a line
    for found in boxes.values():
        assert not any(one.overlaps(other) for one, other in combinations(found, 2))


@pytest.mark.parametrize("regime", ["teacher", "separated"])
def test_a_stopped_run_goes_on_to_the_bit(
    regime: str, small: NextCharacter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = replace(small, negatives=("random-features", regime))
    main(small)
    whole, stopped = folder_of(small), replace(small, out=tmp_path / "stopped")
    plain = CharacterTrainer.update

    def update(trainer: CharacterTrainer) -> dict[str, float]:
        if trainer.regime is REGIMES[regime] and trainer.updates == 2:
            os.kill(os.getpid(), signal.SIGTERM)
        return plain(trainer)

    with monkeypatch.context() as patch:
        patch.setattr(CharacterTrainer, "update", update)
        with pytest.raises(SystemExit, match="143"):
            main(stopped)
    folder = folder_of(stopped)
    assert not (folder / "results.json").exists()
    assert len(rows_of(folder, regime)) == 3
    (results,) = main(NextCharacter(resume=folder))
    assert_same_run(folder, whole, small.negatives)
    assert set(results["regimes"]) == set(small.negatives)


def test_a_finished_run_is_trained_on(small: NextCharacter, tmp_path: Path) -> None:
    small = replace(small, negatives=("random-features", "combined"))
    longer = replace(small, updates=6, out=tmp_path / "longer")
    main(small)
    main(longer)
    (results,) = main(NextCharacter(resume=folder_of(small), updates=6))
    assert results["updates"] == 6
    weights, others = (weights_of(folder_of(each), "random-features") for each in (small, longer))
    assert all(torch.equal(weights[name], others[name]) for name in others)  # its rate is constant
    assert rows_of(folder_of(small), "combined")[:2] == rows_of(folder_of(longer), "combined")[:2]
    kept = {path: path.read_bytes() for path in folder_of(small).glob("*.*")}
    assert {path.name for path in kept} >= {"results-4-updates.json", "report-4-updates.md", "results.json"}
    assert json.loads(kept[folder_of(small) / "results-4-updates.json"])["updates"] == 4
    with pytest.raises(SystemExit, match="2"):
        main(NextCharacter(resume=folder_of(small), updates=5))
    assert {path: path.read_bytes() for path in folder_of(small).glob("*.*")} == kept
    main(NextCharacter(resume=folder_of(small), device="cpu"))  # a refused one leaves the run as it was


def test_a_finished_run_is_trained_on_to_the_bit_at_a_constant_rate(small: NextCharacter, tmp_path: Path) -> None:
    small = replace(small, negatives=("combined",), decay="constant")
    longer = replace(small, updates=6, out=tmp_path / "longer")
    main(small)
    main(longer)
    main(NextCharacter(resume=folder_of(small), updates=6))
    weights, others = (weights_of(folder_of(each), "combined") for each in (small, longer))
    assert all(torch.equal(weights[name], others[name]) for name in others)


def test_what_a_resumed_run_may_not_have_otherwise(
    small: NextCharacter, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small = replace(small, negatives=("random-features",))
    main(small)
    folder = folder_of(small)
    (tmp_path / "mine.txt").write_text(fables(9, seed=1), encoding="utf-8")
    cases = [
        (NextCharacter(resume=folder), "text must be"),
        (NextCharacter(resume=folder, lr=0.1, seed=3), "so --lr, --seed cannot be given; allowed: --updates"),
        (NextCharacter(resume=tmp_path), "must name the folder of a run"),
    ]
    for asked, message in cases:
        with pytest.raises(SystemExit, match="2"):
            main(asked)
        assert message in capsys.readouterr().err


def test_a_run_is_resumed_from_another_folder(
    small: NextCharacter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    relative = replace(small, negatives=("random-features",), text=Path("mine.txt"))
    main(relative)
    monkeypatch.chdir(tmp_path.parent)
    main(NextCharacter(resume=folder_of(small)))


def test_the_retold_fables_are_announced(
    small: NextCharacter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv(ENVIRONMENT, raising=False)
    monkeypatch.chdir(tmp_path)
    (results,) = main(replace(small, negatives=("random-features",), text=None, train_strings=None, updates=1))
    assert (results["train_strings"], results["held_out_strings"], results["is_stand_in"]) == (248, 63, True)
    assert "using a STAND-IN" in capsys.readouterr().out
    assert "**Stand-in text.**" in (folder_of(small) / "report.md").read_text()


def test_several_seeds_are_summed_up(small: NextCharacter, capsys: pytest.CaptureFixture[str]) -> None:
    results = main(replace(small, negatives=("random-features",), seeds=2))
    assert [each["seed"] for each in results] == [0, 1]
    found = json.loads((small.out / "random-features-quick-seeds0-1.json").read_text())
    values = found["regimes"]["random-features"]["perplexity"]["values"]
    assert values == [each["regimes"]["random-features"]["perplexity"] for each in results]
    assert values[0] != values[1]
    assert "mean over 2 seeds" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--temperature", "0"), "--temperature must be positive and finite, got 0"),
        (("--lr", "nan"), "--lr must be positive and finite, got nan"),
        (("--softmax-lr", "-1"), "--softmax-lr must be positive"),
        (("--softmax-optimizer", "adam"), "--softmax-optimizer adam needs --softmax-lr"),
        (("--softmax-decay", "-1"), "--softmax-decay must be at least 0"),
        (("--softmax-optimizer", "orthogonal"), "orthogonal"),  # its steps are relative to weights, which begin at 0
        (("--optimizer", "per_neuron"), "--optimizer per_neuron cannot be used: the first layer has a row of weights"),
        (("--updates", "0"), "--updates must be at least 1, got 0"),
        (("--train-strings", "0"), "--train-strings must be at least 1"),
        (("--seeds", "0"), "--seeds must be at least 1"),
        (("--seed", "-1"), "--seed must be in"),
        (("--widths", "5", "0"), "--widths must be one or more numbers in"),
        (("--negatives", "teacher", "teacher"), "--negatives must name each regime once"),
        (("--device", "tpu"), "--device tpu cannot be used"),
        (("--no-titles",), "--no-titles needs --text FILE"),
        (("--text", "a.txt", "--require-data"), "--require-data cannot be used with --text"),
        (("--out", __file__), "is not a writable folder, but a file"),
    ],
)
def test_what_cannot_be_asked_for(arguments: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        asked_for(list(arguments))
    assert message in capsys.readouterr().err


def test_nothing_is_written_before_the_text_is_there(
    small: NextCharacter, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bytes").write_bytes(b"abc\xff")
    cases = [
        (
            replace(small, train_strings=9),
            "at least 10 strings of 100 characters are needed, one of them held out, got 9",
        ),
        (replace(small, text=tmp_path / "bytes"), "at offset 3"),
        (replace(small, text=None, data_dir=tmp_path), "cannot be found"),
    ]
    for asked, message in cases:
        with pytest.raises(SystemExit, match="2"):
            main(asked)
        assert message in capsys.readouterr().err
    assert not small.out.exists()


def test_a_run_that_diverges_ends_with_its_code(small: NextCharacter, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="3"):
        main(replace(small, negatives=("combined",), softmax_lr=1e38))
    assert "training diverged" in capsys.readouterr().err


def test_settings_that_are_no_runs_are_refused() -> None:
    check(NextCharacter())
    with pytest.raises(SettingsError, match=r"not the settings of a run of next characters: .*sed"):
        settings_from_json({"sed": 3})
