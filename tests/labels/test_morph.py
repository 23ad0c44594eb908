"""Morphology labels: chains that differ in effect, and what they refuse."""

import pytest
import torch

from labels import MorphLabels
from labels.correlation import textured_images
from labels.morph import run_chains
from tests.labels.helpers import photograph_like


def test_chains_are_different_and_have_different_effects() -> None:
    chains = MorphLabels.candidates(600, 0)
    assert len(set(chains)) == 600
    results = torch.stack([result.flatten() for result in run_chains(chains, textured_images(2))])
    distance = torch.cdist(results, results) + 9 * torch.eye(600)
    assert distance.min() > 0.1
    changed = (results - textured_images(2).flatten()).abs().amax(dim=1)
    assert changed.min() > 0.1


def test_every_chain_has_a_displacement_within_a_filter_of_seven() -> None:
    for chain in MorphLabels.candidates(600, 0):
        name, dx, dy = chain[-1]
        assert name == "shift"
        assert 0 < max(abs(dx), abs(dy)) <= 3


def test_too_many_or_too_few_chains_are_refused() -> None:
    with pytest.raises(ValueError, match=r"in \[1, 7536\].*, got 7537"):
        MorphLabels.candidates(7537, 0)
    assert len(set(MorphLabels.candidates(7536, 0))) == 7536
    with pytest.raises(ValueError, match="got 0"):
        MorphLabels.candidates(0, 0)


def test_images_too_small_for_an_operator_are_refused() -> None:
    small = torch.rand(1, 3, 4, 4)
    with pytest.raises(ValueError, match="5 pixels wide is too large for images of 4 x 4"):
        MorphLabels(1, chains=((("erode", 5),),))(small, torch.tensor([0]))
    with pytest.raises(ValueError, match="too large for images of 4 x 4"):
        MorphLabels(1, chains=((("shift", 4, 0),),))(small, torch.tensor([0]))


def test_chains_run_together_equal_chains_run_alone() -> None:
    images, chains = photograph_like(), MorphLabels.candidates(40, 0)
    labels = MorphLabels(40, chains=chains)
    for k, result in enumerate(run_chains(chains, images)):
        assert torch.equal(result, labels.transform(images, k))
