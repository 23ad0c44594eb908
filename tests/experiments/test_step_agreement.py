"""How much the steps of different batches agree."""

import math
import sys

import pytest
import torch

from experiments import step_agreement
from experiments.step_agreement import mean_cosine, table

SMALL = ("--dataset", "digits", "--batch-size", "16", "--after", "2", "--batches", "3", "--device", "cpu")


def test_the_mean_cosine_of_all_pairs() -> None:
    torch.manual_seed(0)
    matrices = [torch.randn(3, 4) for _ in range(5)]
    pairs = [
        float((a * b).sum() / (a.norm() * b.norm()))
        for i, a in enumerate(matrices)
        for j, b in enumerate(matrices)
        if i != j
    ]
    assert mean_cosine(matrices) == pytest.approx(sum(pairs) / len(pairs), abs=1e-6)


def test_what_agrees_and_what_is_noise() -> None:
    torch.manual_seed(0)
    one = torch.randn(8, 20)
    noise = [torch.randn(8, 20) for _ in range(6)]
    mixed = [3 * torch.ones(8, 20) + each for each in noise]  # one strong direction in common
    for row, expected in zip(table([[one] * 3, noise, mixed]).splitlines()[1:], (1, 0, 1), strict=True):
        assert float(row.split()[1]) == pytest.approx(expected, abs=0.15)
    _, plain, orthogonalised = table([mixed]).splitlines()[1].split()
    assert float(orthogonalised) < 0.5 < float(plain)


@pytest.mark.parametrize("options", [("--labels", "fourier"), ("--label-at", "output")], ids=" ".join)
def test_the_table_of_a_training(
    options: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["step_agreement.py", *SMALL, *options])
    step_agreement.main()
    header, *rows = capsys.readouterr().out.splitlines()
    assert "orthogonalised" in header
    assert [row.split()[0] for row in rows] == [str(block) for block in range(1, len(rows) + 1)]
    assert all(-1 <= float(value) <= 1 and math.isfinite(float(value)) for row in rows for value in row.split()[1:])
