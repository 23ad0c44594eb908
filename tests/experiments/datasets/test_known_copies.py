"""Known files: recognised by content, all of one copy, and the bytes that are checked are those that are used."""

import hashlib
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from experiments.datasets import DataError, fashion_mnist, mnist
from experiments.datasets.known import load_known
from experiments.datasets.known_copies import FASHION_MNIST, MNIST, KnownCopy, recognise
from tests.experiments.datasets.test_datasets import IDX_FILES, mnist_files, noise

MIXED = {"images": np.frombuffer(b"images", np.uint8), "labels": np.frombuffer(b"labels", np.uint8)}


def copy_of(what: str, algorithm: str = "sha256", **contents: bytes) -> KnownCopy:
    return KnownCopy(
        {name: f"{algorithm}:{hashlib.new(algorithm, content).hexdigest()}" for name, content in contents.items()}, what
    )


def test_the_copy_that_fits_is_found() -> None:
    copies = [
        copy_of("first", images=b"other", labels=b"others"),
        copy_of("", "md5", images=b"images", labels=b"labels"),
    ]
    assert recognise(Path("data"), MIXED, copies) is copies[1]


def test_files_of_two_copies_are_not_mixed() -> None:
    """Images in one order with labels in another would train, and learn nothing."""
    copies = [copy_of("", images=b"images", labels=b"others"), copy_of("moved", images=b"other", labels=b"labels")]
    with pytest.raises(DataError, match=r"data/labels differs from the known file: its SHA256 must be \w+, got \w+; "):
        recognise(Path("data"), MIXED, copies)


def test_the_files_that_differ_from_the_closest_copy_are_named() -> None:
    copies = [copy_of("", images=b"other", labels=b"others"), copy_of("", "md5", images=b"images", labels=b"others")]
    with pytest.raises(DataError, match=r"data/labels differs from the known file: its MD5 must be"):
        recognise(Path("data"), MIXED, copies)
    with pytest.raises(DataError, match=r"data/images differs from the known file \(so do labels beside it\)"):
        recognise(Path("data"), MIXED, copies[:1])


@pytest.mark.parametrize("copies", [MNIST, FASHION_MNIST])
def test_every_copy_has_a_checksum_of_every_file(copies: tuple[KnownCopy, ...]) -> None:
    lengths = {"sha256": 64, "md5": 32}
    for copy in copies:
        assert set(copy.checksums) == set(IDX_FILES)
        assert all(
            len(digits) == lengths[kind] for kind, digits in (each.split(":") for each in copy.checksums.values())
        )
    assert copies[0].what == ""
    assert all(copy.what for copy in copies[1:])
    assert len({digits for copy in copies for digits in copy.checksums.values()}) == 4 * len(copies)


@pytest.mark.parametrize(("known", "folder"), [(mnist.KNOWN, "MNIST"), (fashion_mnist.KNOWN, "FashionMNIST")])
def test_files_of_the_right_form_with_other_content_are_refused(tmp_path: Path, known: object, folder: str) -> None:
    mnist_files(tmp_path, folder=folder)
    with pytest.raises(DataError, match=rf"{folder}/raw/train-images-idx3-ubyte differs from the known file \(so do "):
        load_known(known, tmp_path, True)


def test_another_copy_is_named_in_the_source(tmp_path: Path) -> None:
    raw = mnist_files(tmp_path)
    copies = (MNIST[0], copy_of("a toy", **{name: (raw / name).read_bytes() for name in IDX_FILES}))
    data = load_known(replace(mnist.KNOWN, read=partial(mnist.KNOWN.read, copies=copies)), tmp_path, True)
    assert data.source == f"MNIST/raw (idx files, a toy) in --data-dir ({tmp_path})"
    assert "toy" not in data.train.name


def test_what_torchvision_kept_of_the_files_is_not_taken_instead(tmp_path: Path) -> None:
    """torchvision prefers `processed/training.pt` to the files, and nothing checks it."""
    mnist_files(tmp_path)
    (tmp_path / "MNIST" / "processed").mkdir()
    for name, count in (("training.pt", 20), ("test.pt", 10)):
        forged = (torch.zeros(count, 28, 28, dtype=torch.uint8), torch.zeros(count, dtype=torch.int64))
        torch.save(forged, tmp_path / "MNIST" / "processed" / name)
    data = load_known(replace(mnist.KNOWN, read=partial(mnist.KNOWN.read, copies=())), tmp_path, True)
    assert torch.equal(data.train.images[:, 0], torch.from_numpy(noise(0, 20, 28, 28)))
    assert data.train.classes.tolist() == [*range(10)] * 2
