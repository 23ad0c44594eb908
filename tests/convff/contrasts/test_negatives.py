"""Which wrong labels are drawn."""

import pytest
import torch

from convff import RandomNegatives, keyed_generator


@pytest.mark.parametrize("num_classes", [2, 10, 100])
def test_a_wrong_label_is_never_the_right_one(num_classes: int) -> None:
    draws = 1_000_000
    right = torch.arange(draws) % num_classes
    wrong = RandomNegatives()(right, num_classes, keyed_generator(0, "draws", num_classes))[:, 0]
    assert ((wrong >= 0) & (wrong < num_classes)).all()
    assert (wrong == right).sum() == 0
    # Every other class is as likely as any: chi-square over the shifts, 5 standard deviations above its mean at most.
    counts = torch.bincount((wrong - right) % num_classes, minlength=num_classes)[1:].double()
    expected = draws / (num_classes - 1)
    chi_square = ((counts - expected) ** 2 / expected).sum().item()
    freedom = num_classes - 2
    assert chi_square <= freedom + 5 * (2 * freedom) ** 0.5 + 1e-9


def test_several_wrong_labels_are_different() -> None:
    right = torch.arange(10_000) % 5
    wrong = RandomNegatives(4)(right, 5, keyed_generator(0, "draws"))
    everything = torch.cat([right[:, None], wrong], dim=1).sort(dim=1).values
    assert torch.equal(everything, torch.arange(5).expand(10_000, -1))
    with pytest.raises(ValueError, match="5 wrong labels per image, but there are 4"):
        RandomNegatives(5)(right, 5, keyed_generator(0, "draws"))
    with pytest.raises(ValueError, match="at least 1"):
        RandomNegatives(0)
