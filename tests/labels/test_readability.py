"""What a filter can read of labels: against windows counted one by one, and on labels known to be easy or hard."""

import itertools

import pytest
import torch
from torch import Tensor

from labels import ChannelLabels, FourierLabels, MorphLabels
from labels.correlation import textured_images
from labels.readability import VISIBLE, blank, distinct_windows, window_judge


def test_shares_equal_windows_counted_one_by_one() -> None:
    labels = MorphLabels(3, chains=((("shift", 1, 0),), (("shift", 0, 2),), (("contrast", 1.06),)), intensity=0.5)
    images = torch.rand(2, 3, 9, 10, generator=torch.Generator().manual_seed(0)) * 0.3 + 0.35
    report = distinct_windows(labels, images, 3)
    shares = {}
    for a, b in itertools.combinations(range(3), 2):
        one, other = (labels(images, torch.full((2,), k)) for k in (a, b))
        differ = [
            (one[m, :, top : top + 3, left : left + 3] - other[m, :, top : top + 3, left : left + 3]).abs().max()
            > VISIBLE
            for m in range(2)
            for top in range(7)
            for left in range(8)
        ]
        shares[a, b] = sum(map(bool, differ)) / len(differ)
    worst = min(shares, key=lambda pair: shares[pair])
    assert report.worst_pair == worst
    assert report.worst_share == pytest.approx(shares[worst])
    assert report.mean_share == pytest.approx(sum(shares.values()) / 3)


def test_pairs_that_cannot_be_told_apart_are_named() -> None:
    chains = ((("invert",),), (("shift", 2, 0),), (("shift", 2, 0), ("contrast", 1.001)))
    report = distinct_windows(MorphLabels(3, chains=chains), textured_images(4), 5)
    assert [pair[:2] for pair in report.unreadable] == [(1, 2)]
    assert report.worst_pair == (1, 2)
    assert report.worst_share < 0.05


@pytest.mark.parametrize("family", ["fourier", "morph"])
def test_a_hundred_labels_differ_in_nearly_every_window(family: str) -> None:
    labels = {"fourier": FourierLabels(100, (32, 32)), "morph": MorphLabels(100)}[family]
    report = distinct_windows(labels, textured_images(4), 5)
    assert 0 <= report.worst_share <= report.mean_share <= 1
    assert report.worst_share >= 0.95 or report.unreadable[0][:2] == report.worst_pair


def judged(labels: FourierLabels | MorphLabels | ChannelLabels, images: Tensor) -> tuple[float, float]:
    report = window_judge(labels, images, 5, windows=4000)
    return report.linear, report.energy


def test_waves_are_read_from_blank_images_and_by_their_energy() -> None:
    labels, images = FourierLabels(10, (32, 32)), textured_images(40)
    on_blank, on_images = judged(labels, blank(images)), judged(labels, images)
    assert on_blank[1] > 0.8
    assert on_blank[1] > on_images[1] > 0.15
    assert on_blank[0] < on_blank[1]  # a filter alone does not know where on the wave it lies


def test_displaced_copies_are_not_read_from_blank_images() -> None:
    chains = ((("shift", 2, 0),), (("shift", 0, 2),), (("shift", 2, 2),), (("shift", 2, -2),))
    linear, energy = judged(MorphLabels(4, chains=chains), blank(textured_images(40)))
    assert max(linear, energy) < 0.35
    assert judged(MorphLabels(4, chains=chains, intensity=0.5), textured_images(40))[1] > 0.4


def test_planes_are_read_anywhere_and_nothing_is_read_of_no_label() -> None:
    images = textured_images(20)
    assert judged(ChannelLabels(10, (32, 32)), images) == (1.0, 1.0)
    assert max(judged(MorphLabels(10, intensity=0.0), images)) < 0.15


def test_deterministic_by_seed() -> None:
    labels, images = FourierLabels(4, (32, 32)), textured_images(8)
    assert window_judge(labels, images, 3, windows=300) == window_judge(labels, images, 3, windows=300)
    assert window_judge(labels, images, 3, windows=300) != window_judge(labels, images, 3, windows=300, seed=1)


def test_blank_keeps_the_mean_colour_alone() -> None:
    images = torch.rand(2, 3, 4, 4)
    assert torch.allclose(blank(images)[..., 0, 0], images.mean(dim=(2, 3)))
    assert blank(images).std(dim=(2, 3)).max() == 0


@pytest.mark.parametrize("report", [distinct_windows, window_judge])
def test_refusals(report: object) -> None:
    assert callable(report)
    labels, images = FourierLabels(3, (8, 8)), torch.rand(4, 1, 8, 8)
    with pytest.raises(ValueError, match="odd and at least 3 pixels wide, got 4"):
        report(labels, images, 4)
    with pytest.raises(ValueError, match="smaller than the kernel of 9 x 9"):
        report(labels, images, 9)
    with pytest.raises(ValueError, match=r"need at least 2 (images|classes).*, got 1"):
        report(FourierLabels(1, (8, 8)), images[:1], 3)
