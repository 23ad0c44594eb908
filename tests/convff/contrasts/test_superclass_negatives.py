"""Wrong labels from the superclass of the right one."""

from typing import Any

import pytest
import torch

from convff import SuperclassNegatives, keyed_generator
from convff.contrasts.superclass_negatives import superclass_probabilities

GROUPS = (0, 1, 0, 2, 1, 0)  # superclasses of 3, 2 and 1 classes


@pytest.mark.parametrize("share", [0.0, 0.3, 0.5, 1.0])
def test_the_probabilities_are_exact(share: float) -> None:
    table = superclass_probabilities(GROUPS, share)
    for right, group in enumerate(GROUPS):
        siblings = [j for j, other in enumerate(GROUPS) if other == group and j != right]
        for wrong in range(len(GROUPS)):
            expected = 0.0 if wrong == right else 1 / 5
            if siblings and wrong != right:
                expected = (1 - share) / 5 + (share / len(siblings) if wrong in siblings else 0.0)
            assert table[right, wrong].item() == pytest.approx(expected, abs=1e-15)
    assert table.sum(dim=1).sub(1).abs().max() < 1e-12


def test_of_twenty_superclasses_of_five() -> None:
    table = superclass_probabilities(tuple(k % 20 for k in range(100)), 0.5)
    within = table[0, 20::20]
    assert within.sum().item() == pytest.approx(0.5 + 0.5 * 4 / 99)
    assert torch.allclose(table[0, 1:20], torch.tensor(0.5 / 99, dtype=torch.float64))


def test_draws_follow_them_and_are_never_right() -> None:
    right = torch.arange(600_000) % 6
    wrong = SuperclassNegatives(superclasses=GROUPS)(right, 6, keyed_generator(0, "draws"))[:, 0]
    counts = torch.bincount(6 * right + wrong, minlength=36).view(6, 6).double() / 100_000
    p = superclass_probabilities(GROUPS, 0.5)
    assert torch.equal(counts.diagonal(), torch.zeros(6, dtype=torch.float64))
    assert ((counts - p).abs() <= 5 * (p * (1 - p) / 100_000).sqrt()).all()


def test_draws_are_keyed() -> None:
    negatives, right = SuperclassNegatives(superclasses=GROUPS, count=3), torch.arange(60) % 6
    first, second, other = (negatives(right, 6, keyed_generator(0, "draws", key)) for key in (1, 1, 2))
    assert torch.equal(first, second)
    assert not torch.equal(first, other)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"share": 1.5}, r"share must be in \[0, 1\], got 1.5"),
        ({"share": float("nan")}, r"share must be in \[0, 1\], got nan"),
        ({"count": 0}, "at least 1 wrong label"),
        ({"count": 6}, "6 wrong labels per image, but there are 5 wrong classes"),
        ({"count": 2, "share": 1.0}, "2 wrong labels per image, but a superclass has 1 wrong classes: use share < 1"),
        ({"superclasses": (0, 2)}, "superclasses must be an index for each of 2 classes"),
    ],
)
def test_wrong_numbers_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SuperclassNegatives(**({"superclasses": GROUPS} | changes))


def test_other_labels_are_refused() -> None:
    with pytest.raises(ValueError, match="for 6 classes, got 7"):
        SuperclassNegatives(superclasses=GROUPS)(torch.tensor([0]), 7, torch.Generator())
