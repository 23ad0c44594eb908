"""Fingerprints: equal for equal content, and for no other."""

import hashlib
import time

import pytest
import torch

from convff import ImageData
from experiments.datasets.base import Dataset
from experiments.datasets.fingerprint import fingerprint, fingerprint_of


def toy(**changes: object) -> ImageData:
    images = torch.arange(4 * 2 * 3 * 5, dtype=torch.uint8).reshape(4, 2, 3, 5)
    return ImageData(
        **{"images": images, "classes": torch.tensor([0, 1, 1, 2]), "class_names": ("a", "b", "c"), "name": "toy"}
        | changes
    )


def test_the_layout_of_the_memory_does_not_count() -> None:
    images = toy().images
    assert fingerprint(toy()) == fingerprint(toy(images=images.contiguous(memory_format=torch.channels_last)))
    longer = torch.cat([images, images])
    assert fingerprint(toy()) == fingerprint(toy(images=longer[:4], name="a part of more"))
    assert fingerprint(toy()) != fingerprint(toy(images=longer[1:5]))


@pytest.mark.parametrize(
    "changes",
    [
        {"images": toy().images.reshape(4, 2, 5, 3)},
        {"images": toy().images.reshape(4, 1, 6, 5)},
        {"images": toy().images.flip(0)},
        {"images": toy().images ^ torch.tensor([0] * 119 + [1], dtype=torch.uint8).reshape(4, 2, 3, 5)},
        {"classes": torch.tensor([0, 1, 2, 2])},
        {"classes": torch.tensor([1, 0, 1, 2])},
        {"class_names": ("a", "b", "d")},
        {"class_names": ("a", "b", "c", "d")},
        {"class_names": ("a", 'b", "c', "d")},
    ],
)
def test_every_difference_counts(changes: dict[str, object]) -> None:
    assert fingerprint(toy(**changes)) != fingerprint(toy())


def test_it_is_the_same_on_every_machine_and_in_every_version() -> None:
    """Written out by hand: runs store fingerprints, so the form may not change."""
    header = b'[[["|u1", [4, 2, 3, 5]], ["<i8", [4]]], ["a", "b", "c"]]\n'
    content = bytes(range(120)) + b"".join(k.to_bytes(8, "little") for k in (0, 1, 1, 2))
    assert fingerprint(toy()) == hashlib.sha256(header + content).hexdigest()


def test_each_split_has_its_own() -> None:
    train, test = toy(), toy(classes=torch.tensor([2, 1, 1, 0]))
    found = fingerprint_of(Dataset(train, test, source="made up", is_stand_in=False))
    assert found == {"train": fingerprint(train), "test": fingerprint(test)}
    assert found["train"] != found["test"]


def test_184_megabytes_take_well_under_a_second() -> None:
    data = ImageData(
        torch.zeros(60_000, 3, 32, 32, dtype=torch.uint8), torch.zeros(60_000, dtype=torch.int64), ("a",), "zeros"
    )
    start = time.process_time()
    fingerprint(data)
    assert time.process_time() - start < 1
