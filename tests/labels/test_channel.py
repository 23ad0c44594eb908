"""Channel labels: planes beside an unchanged image."""

import json
from typing import Any

import pytest
import torch

from labels import ChannelLabels, LayerwiseLabels, labels_from_spec
from labels.channel import MOST_PLANES, code_words
from tests.labels.helpers import SIZE, images


def test_channel_labels_leave_the_image_alone() -> None:
    batch = images()
    labelled = ChannelLabels(10, SIZE)(batch, torch.arange(6))
    assert torch.equal(labelled[:, :3], batch)
    planes = labelled[:, 3:]
    assert torch.equal(planes.argmax(dim=1), torch.arange(6)[:, None, None].expand(6, *SIZE))
    assert torch.equal(planes.sum(dim=1), torch.ones(6, *SIZE))


@pytest.mark.parametrize(("classes", "count"), [(100, 7), (100, 16), (128, 7), (2, 1), (10, 4)])
def test_few_planes_hold_different_words_of_random_bits(classes: int, count: int) -> None:
    words = code_words(classes, count, seed=3)
    assert words.shape == (classes, count)
    assert set(words.flatten().tolist()) == {0.0, 1.0}
    assert len(set(map(tuple, words.tolist()))) == classes
    assert torch.equal(words, code_words(classes, count, seed=3))


@pytest.mark.parametrize(("classes", "count"), [(10, 10), (10, 16), (1, 1)])
def test_with_enough_planes_words_are_orthogonal(classes: int, count: int) -> None:
    words = code_words(classes, count).double() - 0.5
    products = words @ words.T
    assert torch.allclose(products, products[0, 0] * torch.eye(classes, dtype=torch.float64), atol=1e-6)
    assert words.abs().max().item() == pytest.approx(0.5)


def test_words_depend_on_the_seed() -> None:
    assert not torch.equal(code_words(100, 16, seed=0), code_words(100, 16, seed=1))
    assert not torch.equal(code_words(10, 16, seed=0), code_words(10, 16, seed=1))


def test_planes_of_code_words() -> None:
    labels, batch = ChannelLabels(10, SIZE, planes="codes", count=6, seed=2), images()
    classes = torch.arange(6)
    labelled, words = labels(batch, classes), code_words(10, 6, 2)
    assert labels.channels(3) == labelled.shape[1] == 9
    assert torch.equal(labelled[:, 3:], words[classes][:, :, None, None].expand(-1, -1, *SIZE))
    assert torch.equal(labels.neutral(batch)[:, 3:, 0, 0], words.mean(dim=0).expand(6, -1))
    assert torch.equal(labels.bases(batch) + labels.summands(batch)[classes], labelled)
    again = labels_from_spec(json.loads(json.dumps(labels.spec())))
    assert torch.equal(again(batch, classes), labelled)


def test_values_of_constant_planes() -> None:
    batch, classes = images(), torch.stack([torch.arange(6), torch.arange(6) + 1], dim=1)
    for labels in (ChannelLabels(10, SIZE), ChannelLabels(10, SIZE, planes="codes", count=6)):
        values = labels.constant_planes(batch, classes)
        assert values is not None
        assert torch.equal(labels(batch, classes)[:, :, 3:], values[..., None, None].expand(-1, -1, -1, *SIZE))
        with pytest.raises(ValueError, match=r"classes must be in \[0, 10\)"):
            labels.constant_planes(batch, classes + 10)
    for others in (ChannelLabels(10, SIZE, planes="fourier"), LayerwiseLabels(10, SIZE)):
        assert others.constant_planes(batch, classes) is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"planes": "waves"}, "planes must be 'onehot', 'fourier' or 'codes', got 'waves'"),
        ({"planes": "codes"}, "count must be the number of planes of code words, and of no others, got None"),
        ({"count": 4}, "count must be the number of planes of code words, and of no others, got 4"),
        ({"planes": "codes", "count": 6}, f"100 classes need 7 to {MOST_PLANES} planes of code words, got 6"),
        ({"planes": "codes", "count": 0}, f"100 classes need 7 to {MOST_PLANES} planes of code words, got 0"),
        ({"planes": "codes", "count": MOST_PLANES + 1}, "planes of code words, got 10001"),
    ],
)
def test_planes_that_cannot_be_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ChannelLabels(100, SIZE, **options)


@pytest.mark.parametrize(
    ("changes", "error"), [({"count": "6"}, TypeError), ({"count": 1e9}, TypeError), ({"seed": 2**70}, ValueError)]
)
def test_broken_specs_are_refused(changes: dict[str, Any], error: type[Exception]) -> None:
    spec = ChannelLabels(10, SIZE, planes="codes", count=6).spec()
    with pytest.raises(error, match="labels of family 'channel'"):
        labels_from_spec(spec | changes)
    with pytest.raises(ValueError, match="need the field 'seed'"):
        labels_from_spec({name: value for name, value in spec.items() if name != "seed"})
