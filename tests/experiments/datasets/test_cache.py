"""The kept images of archives: the same as decoded ones, and never those of another archive."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from experiments.datasets import cache, load_dataset
from experiments.datasets.base import Splits
from experiments.datasets.cache import ENVIRONMENT, kept
from experiments.datasets.image_files import read_archive
from tests.experiments.datasets.test_archives import pack
from tests.experiments.datasets.test_datasets import image_folder, noise, png


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep the images of every archive, however small, in a folder of the test."""
    monkeypatch.setenv(ENVIRONMENT, str(tmp_path / "cache"))
    monkeypatch.setattr(cache, "LEAST_IMAGES", 1)
    return tmp_path / "cache"


def refuse() -> Splits:
    raise AssertionError("the archive was read again")


def same(ours: Splits, theirs: Splits) -> bool:
    tensors = zip((*ours.train, *ours.test), (*theirs.train, *theirs.test), strict=True)
    facts = ((each.class_names, each.what, each.copy) for each in (ours, theirs))
    return all(torch.equal(a, b) and a.dtype == b.dtype for a, b in tensors) and len(set(facts)) == 1


def test_kept_images_are_those_of_the_archive(tmp_path: Path, folder: Path) -> None:
    archive = pack(image_folder(tmp_path / "photos"), tmp_path / "photos.zip")
    first = read_archive(archive, "", 3)
    assert len(list(folder.iterdir())) == 1
    assert same(kept(archive, refuse, "", 3), first)
    assert same(read_archive(archive, "", 3), first)


@pytest.mark.parametrize("change", ["content", "name", "options"])
def test_another_archive_is_read_anew(tmp_path: Path, folder: Path, change: str) -> None:
    archive = pack(image_folder(tmp_path / "photos"), tmp_path / "photos.zip")
    read_archive(archive, "", 3)
    if change == "content":
        png(tmp_path / "photos" / "train" / "cat" / "0.png", noise(99, 8, 8, 3))
        pack(tmp_path / "photos", archive)
    if change == "name":
        archive = archive.rename(tmp_path / "other.zip")
    channels = 1 if change == "options" else 3
    found = read_archive(archive, "", channels)
    assert found.train[0].shape[1] == channels
    assert found.what.startswith(archive.name)
    assert len(list(folder.iterdir())) == 2


def test_a_damaged_file_is_made_anew(tmp_path: Path, folder: Path) -> None:
    archive = pack(image_folder(tmp_path / "photos"), tmp_path / "photos.zip")
    first = read_archive(archive)
    (path,) = folder.iterdir()
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    assert same(read_archive(archive), first)
    assert path.read_bytes() == whole


def _unset(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENVIRONMENT, "")


def _a_file_in_its_place(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.write_bytes(b"no folder")


def _few_images(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "LEAST_IMAGES", 10_000)


@pytest.mark.parametrize("hinder", [_unset, _a_file_in_its_place, _few_images])
def test_nothing_kept_loses_nothing(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, hinder: Callable[[Path, pytest.MonkeyPatch], None]
) -> None:
    archive = pack(image_folder(tmp_path / "photos"), tmp_path / "photos.zip")
    hinder(folder, monkeypatch)
    assert same(read_archive(archive), read_archive(archive))
    assert not folder.is_dir()


def test_the_usual_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(ENVIRONMENT, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(cache, "LEAST_IMAGES", 1)
    load_dataset("folder", pack(image_folder(tmp_path / "photos"), tmp_path / "photos.tar"))
    assert [path.parent.name for path in tmp_path.rglob("*.safetensors")] == ["convff"]
