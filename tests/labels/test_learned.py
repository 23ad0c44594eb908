"""Learned labels: where the maps start, how they are kept, and what they learn from."""

import json

import pytest
import torch

from labels import ChannelLabels, LearnedLabels
from tests.labels.helpers import SIZE, images


def test_learned_maps_are_a_channel_and_their_seed_is_their_key() -> None:
    batch, labels = images(), LearnedLabels(10, SIZE)
    labelled = labels(batch, torch.arange(6))
    assert torch.equal(labelled[:, :3], batch)
    assert torch.equal(labelled[:, 3:], labels.maps[:6])
    assert not labelled.requires_grad
    torch.manual_seed(1)
    first, again, other = (LearnedLabels(10, SIZE, seed, start="noise").maps for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(labels.maps, ChannelLabels(10, SIZE, planes="fourier").patterns(batch[0])[:, 3:])
    torch.testing.assert_close(labels.neutral(batch)[:, 3:], labels.maps.mean(dim=0).expand(6, -1, -1, -1))


def test_learned_maps_come_back_from_json_to_the_bit() -> None:
    labels = LearnedLabels(10, SIZE)
    assert "maps" not in labels.spec()  # start and seed are enough
    with torch.no_grad():
        labels.maps.mul_(torch.randn(labels.maps.shape, generator=torch.Generator().manual_seed(3)) * 1e3)
    spec = json.loads(json.dumps(labels.spec()))
    assert torch.equal(LearnedLabels.from_spec(spec).maps, labels.maps)
    with pytest.raises(ValueError, match=r"maps are \[9, 1, 20, 24\], but must be \[10, 1, 20, 24\]"):
        LearnedLabels.from_spec(spec | {"maps": spec["maps"][:9]})


def test_a_map_learns_from_the_passes_that_carry_it() -> None:
    labels = LearnedLabels(5, SIZE)
    inputs = torch.randn(4, 2, 4, *SIZE, generator=torch.Generator().manual_seed(0))
    classes = torch.tensor([[0, 1], [1, 3], [0, 3], [3, 0]])
    (grad,) = labels.grads(classes, inputs)
    for k in range(5):
        mine = sum((inputs[b, p, 3] for b in range(4) for p in range(2) if classes[b, p] == k), torch.zeros(SIZE))
        torch.testing.assert_close(grad[k, 0], mine)
    assert not grad[[2, 4]].any()
