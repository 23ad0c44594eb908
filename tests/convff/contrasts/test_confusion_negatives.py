"""Wrong labels drawn by a running table of the passes already made."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from convff import (
    RULES,
    ConfusionNegatives,
    ForwardForward,
    LabelContrast,
    LocalHead,
    OneProcess,
    RandomNegatives,
    Setup,
    cnn6,
    keyed_generator,
    start,
)
from convff.contrasts import Layout, memory_of
from convff.contrasts.confusion_negatives import LEAST, confusion, pass_odds, step_totals
from convff.testing.cases import KINDS, Case
from convff.testing.resuming import resumes, trainer_of
from labels import FourierLabels

K, BLOCKS = 4, 3


def a_step(turn: int, images: int = 6, wrong: int = 2) -> tuple[Layout, Tensor]:
    draws = keyed_generator(0, "step", turn)
    right = torch.randint(K, (images,), generator=draws)
    labels = torch.cat([right[:, None], RandomNegatives(wrong)(right, K, draws)], dim=1)
    goodness = torch.randn(BLOCKS, images * (1 + wrong), generator=draws, dtype=torch.float64)
    return Layout(right, labels, 1 + wrong), goodness


def slow_table(steps: int, scale: float, decay: float) -> list[list[float]]:
    """The mean odds of each pair, pass by pass; every pair begins with one pass of odds 1."""
    means = [[0.0] * K for _ in range(K)]
    for right in range(K):
        for wrong in range(K):
            odds, weight = 1.0, 1.0
            for turn in range(steps):
                layout, goodness = a_step(turn)
                odds, weight = odds * decay, weight * decay
                for image, labels in enumerate(layout.labels.tolist()):  # type: ignore[union-attr]
                    g = [sum(goodness[:, image * 3 + p].tolist()) / BLOCKS for p in range(3)]
                    for p in (1, 2):
                        if (labels[0], labels[p]) == (right, wrong):
                            odds, weight = odds + math.exp(scale * (g[p] - g[0])), weight + 1
            means[right][wrong] = odds / weight
    return means


def test_the_table_is_the_decayed_mean_of_the_odds() -> None:
    negatives = ConfusionNegatives(K, 2, scale=0.7, uniform=0.25, decay=0.8)
    for turn in range(5):
        negatives.observe(*a_step(turn))
    found = confusion(negatives.memory["odds"], negatives.memory["passes"], 0.25)
    means = slow_table(5, 0.7, 0.8)
    for right in range(K):
        total = sum(means[right][j] for j in range(K) if j != right)
        for wrong in range(K):
            expected = 0.0 if wrong == right else 0.75 * means[right][wrong] / total + 0.25 / (K - 1)
            assert found[right, wrong].item() == pytest.approx(expected, rel=1e-5)


def test_before_any_pass_all_wrong_labels_are_equally_likely() -> None:
    memory = ConfusionNegatives(5).memory
    assert torch.allclose(confusion(memory["odds"], memory["passes"], 0.25), (torch.ones(5, 5) - torch.eye(5)) / 4)


def test_hard_labels_are_drawn_most() -> None:
    negatives = ConfusionNegatives(3, scale=1.0, uniform=0.25)
    labels = torch.tensor([[0, 1], [0, 2]])
    for _ in range(500):
        negatives.observe(Layout(labels[:, 0], labels, 2), torch.tensor([[1.0, -1.0, 1.0, 2.0]]))
    wrong = negatives(torch.zeros(200_000, dtype=torch.int64), 3, keyed_generator(0, "draws"))
    hard = math.e / (math.e + math.e**-2)
    assert (wrong == 2).double().mean().item() == pytest.approx(0.75 * hard + 0.125, abs=5e-3)


def test_a_pair_that_is_never_drawn_keeps_its_odds() -> None:
    negatives = ConfusionNegatives(3)
    labels = torch.tensor([[0, 1]])
    for _ in range(12_000):
        negatives.observe(Layout(labels[:, 0], labels, 2), torch.tensor([[1.0, 0.9]]))
    assert (negatives.memory["passes"] > LEAST / 2).all()
    assert (negatives.memory["odds"] / negatives.memory["passes"])[1, 2].item() == pytest.approx(1.0, rel=1e-3)


def test_odds_have_a_limit() -> None:
    assert pass_odds(torch.tensor([[0.0, 1e30]]), 32.0).isfinite().all()


def test_sums_of_a_step() -> None:
    labels = torch.tensor([[0, 1, 2], [3, 0, 1], [0, 2, 1]])
    odds, passes = step_totals(labels, torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]), K)
    assert odds.tolist() == [[0, 7, 7, 0], [0] * 4, [0] * 4, [3, 4, 0, 0]]
    assert passes.tolist() == [[0, 2, 2, 0], [0] * 4, [0] * 4, [1, 1, 0, 0]]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rule", ["ff", "hebbff"])
def test_a_training_resumes_to_the_bit(kind: str, rule: str) -> None:
    def contrast(labels: Any) -> LabelContrast:
        return LabelContrast(labels, ConfusionNegatives(K, 2))

    resumes(Case(rule=RULES[rule](), kind=kind, num_classes=K, contrast=contrast))


def test_a_state_without_the_table_is_refused() -> None:
    case = Case(rule=ForwardForward(), kind="dense", num_classes=K)
    learning = trainer_of(
        Case(**vars(case) | {"contrast": lambda labels: LabelContrast(labels, ConfusionNegatives(K))})
    )
    plain = trainer_of(case)
    for one, other in ((learning, plain), (plain, learning)):
        with pytest.raises(ValueError, match="the contrast must remember"):
            one.resume(other.state())


def test_training_fills_the_table_by_what_the_blocks_report() -> None:
    labels, rule = FourierLabels(K, (8, 8)), ForwardForward()
    contrast = LabelContrast(labels, ConfusionNegatives(K))
    assert memory_of(contrast) is contrast.negatives.memory  # type: ignore[attr-defined]
    net = cnn6((1, 8, 8), widths=(4, 4), pool_after=())
    seen: list[Tensor] = []

    class Spy(ConfusionNegatives):
        def observe(self, layout: Layout, goodness: Tensor) -> None:
            seen.append(goodness)

    step = start(rule, Setup(net=net, labels=labels, contrast=LabelContrast(labels, Spy(K))))
    case = Case(rule=rule, kind="dense", num_classes=K)
    batch = case.batch()._replace(inputs=torch.rand(6, 1, 8, 8))
    inputs, _ = LabelContrast(labels, ConfusionNegatives(K))(batch, keyed_generator(0, "step"))
    with torch.no_grad():
        expected = torch.stack([rule.goodness(a) for a in net(inputs)])
    step(batch, keyed_generator(0, "step"))
    assert torch.allclose(seen[0], expected, rtol=1e-5)
    assert seen[0].shape == (2, 12)


def test_what_cannot_be_observed_is_refused() -> None:
    labels = FourierLabels(K, (8, 8))
    setup = {"net": cnn6((1, 8, 8), widths=(4,), pool_after=()), "labels": labels}
    contrast, two = LabelContrast(labels, ConfusionNegatives(K)), OneProcess()
    two.size = 2
    with pytest.raises(ValueError, match="need one process, got 2"):
        start(ForwardForward(), Setup(**setup, contrast=contrast, processes=two))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="need a rule with goodness, got LocalHead"):
        start(LocalHead(num_classes=K), Setup(**setup, contrast=contrast))  # type: ignore[arg-type]


@pytest.mark.parametrize("wrong", [{"uniform": 0.0}, {"uniform": 1.1}, {"decay": 1.0}, {"decay": -0.1}, {"scale": 0.0}])
def test_numbers_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"uniform must be in \(0, 1\], decay in \[0, 1\) and scale positive"):
        ConfusionNegatives(K, **wrong)


def test_counts_and_classes_are_checked() -> None:
    with pytest.raises(ValueError, match="4 wrong labels per image, but there are 3"):
        ConfusionNegatives(K, 4)
    with pytest.raises(ValueError, match="for 4 classes, got 5"):
        ConfusionNegatives(K)(torch.tensor([0]), 5, torch.Generator())
