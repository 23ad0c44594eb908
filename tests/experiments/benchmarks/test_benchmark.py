"""The benchmark runs in every section, on tiny networks, and its own instruments measure what they say."""

import json
import math
import time
from functools import partial
from pathlib import Path

import pytest
import torch

from convff import LayerLocalNet, cnn6
from experiments.benchmark import BenchmarkSettings, main
from experiments.benchmarks import SECTIONS
from experiments.benchmarks.actions import recorded_blocks
from experiments.benchmarks.bench import CLASSES, Bench
from experiments.benchmarks.cases import Case
from experiments.benchmarks.pruning import pairs_of
from experiments.datasets import load_dataset
from experiments.tools.clock import interleaved_medians, peak_mib
from labels import LayerwiseLabels

CPU = torch.device("cpu")


@pytest.fixture
def bench() -> Bench:
    return Bench(CPU, repeats=1, batch_size=4, small=True)


SLOW = {
    "step": pytest.mark.slow,  # each of its cases is traced by the compiler of torch
    "starting": pytest.mark.slow,  # loads torch, in processes of its own
}


@pytest.mark.parametrize(
    "section",
    [pytest.param(name, marks=SLOW.get(name, ())) for name in SECTIONS if name not in ("pruning", "processes")],
)
def test_every_section_measures(section: str, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    # A C++ compiler takes most of a minute the first time; a slow test in
    # tests/convff/training/test_compiled.py has it.
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="eager"))
    rows = SECTIONS[section](bench)
    assert rows
    for row in rows:
        assert row.keys() == rows[0].keys()
        assert all(math.isfinite(value) for value in row.values() if isinstance(value, float)), row


@pytest.mark.slow
def test_processes_measure(bench: Bench) -> None:
    """Six runs, most of them imports; what they show is tested by `tests/convff/machine/test_processes.py`."""
    rows = SECTIONS["processes"](bench)
    assert [row["processes"] for row in rows] == [1, 2, 2] * 2
    assert all(row["largest weight difference to one process"] <= 1e-6 for row in rows if row["rule"] == "hebbff")


@pytest.mark.slow
def test_pruning_measures(bench: Bench) -> None:
    rows = SECTIONS["pruning"](bench)
    assert [row["labels tried"] for row in rows] == 2 * [100, 20, 10, 5]


def test_a_pair_of_digits_is_in_the_image() -> None:
    digits = load_dataset("digits", None).test
    pairs = pairs_of(digits, 20, "test")
    for image, pair in zip(pairs.images, pairs.classes.tolist(), strict=True):
        for channel, digit in zip(image, divmod(pair, 10), strict=True):
            where = (digits.images[:, 0] == channel).all(dim=(1, 2))
            assert digit in digits.classes[where].tolist()


def test_memory_of_a_local_rule_does_not_grow_with_depth(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes that were asked for, in float32 on every machine, not seconds: this cannot depend on the machine."""
    monkeypatch.setattr("experiments.benchmarks.bench.fastest_precision", lambda device: "float32")
    bench = Bench(CPU, repeats=1, batch_size=4, small=True)
    rows = {(row["rule"], row["blocks"]): row["MiB"] for row in SECTIONS["memory"](bench)}
    for rule in ("ff", "hebbff"):
        assert rows[rule, 16] <= 1.05 * rows[rule, 4]
        assert rows[rule, 16] <= 0.5 * rows["bp", 16]
    assert rows["bp", 16] > 2 * rows["bp", 4]


def test_memory_of_settling_does_not_grow_with_iterations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("experiments.benchmarks.bench.fastest_precision", lambda device: "float32")
    bench = Bench(CPU, repeats=1, batch_size=256, small=True)
    rows = {(row["learning"], row["iterations"]): row["MiB"] for row in SECTIONS["settling"](bench)}
    assert rows["at every iteration", 16] <= 1.02 * rows["at every iteration", 4]
    assert rows["through all iterations", 16] > 2 * rows["through all iterations", 4]


def test_the_peak_is_the_most_that_was_held_at_once() -> None:
    def action() -> None:
        first = torch.zeros(2**18)  # 1 MiB
        del first
        second, third = torch.zeros(2**18), torch.zeros(2**19)
        del second, third
        torch.zeros(2**18)

    assert peak_mib(action, CPU) == pytest.approx(3.0, abs=0.01)


def test_actions_are_measured_in_turn() -> None:
    order: list[str] = []
    actions = {name: lambda name=name: order.append(name) for name in "ab"}
    interleaved_medians(actions, CPU, repeats=2)
    assert "".join(order) == "ab" * 5
    medians = interleaved_medians({"nap": lambda: time.sleep(0.002)}, CPU, repeats=1)
    assert medians["nap"] >= 0.002


def test_figures_are_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "deep" / "figures.json"
    main(BenchmarkSettings(sections=(), json=path))
    assert set(json.loads(path.read_text())) == {"hardware", "precision", "versions", "git_commit", "settings"}
    assert "medians of 15" in capsys.readouterr().out


def test_nonsense_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(BenchmarkSettings(repeats=0))
    assert "--repeats must be at least 1" in capsys.readouterr().err


def test_blocks_are_recorded_with_the_labels_beside_them(bench: Bench) -> None:
    def make(shape: tuple[int, int, int]) -> LayerLocalNet:
        return cnn6(shape, widths=(4, 4), pool_after=(1,), label_channels=CLASSES)

    case = Case("layerwise", LayerwiseLabels(CLASSES, (8, 8)), (3, 8, 8), make)
    assert [h.shape[1] for _, h, _, _ in recorded_blocks(bench, case)] == [3 + CLASSES, 4 + CLASSES]
