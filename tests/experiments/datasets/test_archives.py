"""Archives: every kind gives what the folder gives, limits hold, and nothing is passed over in silence.

What is refused for being hostile is in `tests/trust/test_data.py`.
"""

import gzip
import io
import os
import tarfile
import zipfile
from pathlib import Path, PurePosixPath

import numpy as np
import pytest
import torch
from PIL import Image

from experiments.datasets import DataError, load_dataset
from experiments.datasets.archives import Limits, read_members
from experiments.datasets.image_files import read_archive
from experiments.tools.archive_names import SUFFIXES, is_archive
from tests.experiments.datasets.test_datasets import CIFAR10_NAMES, image_folder, noise, png

MODES = {".gz": "w:gz", ".tgz": "w:gz", ".xz": "w:xz", ".bz2": "w:bz2", ".tar": "w"}


def pack(folder: Path, archive: Path, inside: str = "") -> Path:
    """Pack the content of a folder, at the top level or below another folder."""
    if archive.suffix == ".zip":
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
            for path in sorted(folder.rglob("*")):
                file.write(path, str(PurePosixPath(inside, path.relative_to(folder).as_posix())))
    else:
        with tarfile.open(archive, MODES[archive.suffix]) as file:
            file.add(folder, inside or ".")
    return archive


def everything(path: PurePosixPath) -> bool:
    return True


@pytest.mark.parametrize("inside", ["", "photos"])
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_archive_gives_what_its_folder_gives(tmp_path: Path, suffix: str, inside: str) -> None:
    folder = image_folder(tmp_path / "photos")
    (folder / "train" / "cat" / "notes.txt").write_text("no image")
    (folder / "train" / ".cache").mkdir()
    png(folder / "train" / ".cache" / "0.png", noise(5, 8, 8, 3))
    png(folder / "train" / "cat" / "deeper" / "0.png", noise(6, 8, 8, 3))
    (folder / "README.txt").write_text("no image")
    unpacked = load_dataset("folder", folder)
    packed = load_dataset("folder", pack(folder, tmp_path / f"my{suffix}", inside))
    for ours, theirs in ((packed.train, unpacked.train), (packed.test, unpacked.test)):
        assert torch.equal(ours.images, theirs.images)
        assert torch.equal(ours.classes, theirs.classes)
        assert ours.class_names == theirs.class_names
    assert packed.source == f"my{suffix} (archive, lossless PNG) in --data-dir ({tmp_path / f'my{suffix}'})"
    assert unpacked.source == f"photos/ (image folder, lossless PNG) in --data-dir ({folder})"
    assert (packed.train.name, unpacked.train.name) == (f"image archive my{suffix}", "image folder photos")


@pytest.mark.parametrize("name", ["cifar10.zip", "cifar10.tar.xz", "cifar10-jpeg.tar", "mine.tgz"])
@pytest.mark.parametrize("inside", ["", "cifar10", "photos"])
def test_any_archive_of_a_known_data_set_is_read(tmp_path: Path, name: str, inside: str) -> None:
    folder = load_dataset("cifar10", image_folder(tmp_path / "jpegs" / "cifar10", CIFAR10_NAMES, ".jpg", 32).parent)
    archive = pack(tmp_path / "jpegs" / "cifar10", tmp_path / name, inside)
    for place in (archive,) if name == "mine.tgz" else (archive, tmp_path):
        packed = load_dataset("cifar10", place)
        assert torch.equal(folder.train.images, packed.train.images)
        assert packed.source == f"{name} (archive, lossy JPEG) in --data-dir ({place})"


def test_of_two_archives_the_one_without_loss_is_read(tmp_path: Path) -> None:
    for name, suffix in (("cifar10.zip", ".png"), ("cifar10-jpeg.tar.xz", ".jpg")):
        pack(image_folder(tmp_path / suffix, CIFAR10_NAMES, suffix, 32), tmp_path / name)
    assert load_dataset("cifar10", tmp_path).source.startswith("cifar10.zip (archive, lossless PNG)")


@pytest.mark.parametrize(("quality", "name"), [({"lossless": True}, "lossless WebP copy"), ({}, "WebP copy")])
def test_copies_as_webp_are_named_as_such(tmp_path: Path, quality: dict[str, bool], name: str) -> None:
    for path in image_folder(tmp_path / "cifar10", CIFAR10_NAMES, ".png", 32).rglob("*.png"):
        with Image.open(path) as image:
            image.save(path.with_suffix(".webp"), **quality)
        path.unlink()
    assert f"({name}, " in load_dataset("cifar10", tmp_path).test.name


def test_names_of_archives() -> None:
    assert all(is_archive(Path(f"MY{suffix.upper()}")) for suffix in SUFFIXES)
    assert not any(is_archive(Path(name)) for name in ("a.png", "tar", "a.gz", "a.xz", "zip/a"))


def test_another_file_is_no_archive(tmp_path: Path) -> None:
    (tmp_path / "images.rar").write_bytes(b"Rar!")
    with pytest.raises(
        DataError, match=r"images\.rar is neither a folder nor an archive; it must be a folder or an arch"
    ):
        load_dataset("folder", tmp_path / "images.rar")


def test_two_folders_of_images_are_ambiguous(tmp_path: Path) -> None:
    image_folder(tmp_path / "all" / "old")
    image_folder(tmp_path / "all" / "new")
    archive = pack(tmp_path / "all", tmp_path / "two.zip")
    with pytest.raises(DataError, match=r"two\.zip: new/, old/ hold train/ or test/; one folder at most may"):
        load_dataset("folder", archive)
    assert len(read_archive(archive, "old").train[0]) == 8


def test_an_archive_without_images_says_what_it_must_hold(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "notes.txt").write_text("no image")
    with pytest.raises(DataError, match=r"notes\.zip: there is no folder train/; an image folder holds train/<class>"):
        load_dataset("folder", pack(tmp_path / "empty", tmp_path / "notes.zip"))


def test_an_empty_class_folder_of_an_archive_is_named(tmp_path: Path) -> None:
    image_folder(tmp_path / "photos")
    (tmp_path / "photos" / "train" / "bee").mkdir()
    with pytest.raises(DataError, match=r"photos\.tar/train/bee: no image was found"):
        load_dataset("folder", pack(tmp_path / "photos", tmp_path / "photos.tar"))


@pytest.mark.parametrize("suffix", [".tar", ".tar.gz", ".zip"])
@pytest.mark.parametrize(
    ("limits", "message"),
    [
        (Limits(member=999), r"member '\./train/b/0\.png' unpacks to 1,000 bytes; at most 999"),
        (Limits(members=4), r"member '\./test/a/0\.png' is one too many; at most 4 files and folders"),
        (Limits(total=2_500), r"unpacks to more than 2,500 bytes"),
    ],
)
def test_limits(tmp_path: Path, suffix: str, limits: Limits, message: str) -> None:
    archive = tmp_path / f"limits{suffix}"
    files = {
        f"./{split}/{name}/0.png": bytes(500 if name == "a" else 1_000) for split in ("train", "test") for name in "ab"
    }
    if suffix == ".zip":
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
            file.mkdir("./train")
            file.mkdir("./train/a")
            for name, content in files.items():
                file.writestr(name, content)
    else:
        with tarfile.open(archive, MODES[archive.suffix]) as file:
            for name, content in ({"./train": None, "./train/a": None} | files).items():
                member = tarfile.TarInfo(name)
                member.type = tarfile.DIRTYPE if content is None else tarfile.REGTYPE
                member.size = len(content or b"")
                file.addfile(member, io.BytesIO(content or b""))
    assert len(list(read_members(archive, everything))) == 6
    with pytest.raises(DataError, match=rf"limits\{suffix}: {message}"):
        list(read_members(archive, everything, limits))


def test_a_name_of_megabytes_is_not_read_to_its_end(tmp_path: Path) -> None:
    """A header announces the length of a long name, and tarfile reads it whole, before there is a member to refuse."""
    header = tarfile.TarInfo("././@LongLink")
    header.type, header.size = tarfile.GNUTYPE_LONGNAME, 64 << 20
    archive = tmp_path / "name.tar.gz"
    with gzip.open(archive, "wb", compresslevel=1) as file:
        file.write(header.tobuf(tarfile.GNU_FORMAT))
        for _ in range(8):
            file.write(bytes(1 << 20))
    with pytest.raises(DataError, match=r"name\.tar\.gz: [\d,]+ bytes of headers lie between two members") as caught:
        list(read_members(archive, everything, Limits(member=1 << 20)))
    assert 3 << 20 < int(str(caught.value).split(": ")[1].split(" ")[0].replace(",", "")) < 4 << 20


def test_content_is_kept_of_what_is_wanted_only(tmp_path: Path) -> None:
    image_folder(tmp_path / "photos")
    for suffix in (".zip", ".tar"):
        archive = pack(tmp_path / "photos", tmp_path / f"photos{suffix}")
        members = list(read_members(archive, lambda path: path.parts[:2] == ("train", "cat")))
        assert sum(bool(member.content) for member in members) == 4
        kept = {member.path.name: member.content for member in members if member.content}
        assert kept["3.png"] == (tmp_path / "photos" / "train" / "cat" / "3.png").read_bytes()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_in_a_folder_is_named_and_not_waited_for(tmp_path: Path) -> None:
    image_folder(tmp_path)
    os.mkfifo(tmp_path / "train" / "cat" / "pipe.png")
    with pytest.raises(DataError, match=r"train/cat/pipe\.png cannot be read as an image: it is not a file"):
        load_dataset("folder", tmp_path)


def test_a_huge_file_in_a_folder_is_not_read(tmp_path: Path) -> None:
    image_folder(tmp_path)
    with (tmp_path / "train" / "cat" / "0.png").open("r+b") as file:
        file.truncate((256 << 20) + 1)  # sparse: it takes no room
    with pytest.raises(DataError, match=r"train/cat/0\.png .*it has 268,435,457 bytes; at most 268,435,456 are a"):
        load_dataset("folder", tmp_path)


# --- how images are stored ---


def save(folder: Path, format: str, **options: object) -> None:
    for path in folder.rglob("*.png"):
        Image.fromarray(np.asarray(Image.open(path))).save(path, format, **options)


@pytest.mark.parametrize(
    ("options", "quality"),
    [
        ({"format": "PNG"}, "lossless PNG"),
        ({"format": "JPEG"}, "lossy JPEG"),
        ({"format": "WEBP", "lossless": True}, "lossless WEBP"),
        ({"format": "WEBP", "lossless": False}, "lossy WEBP"),
        ({"format": "WEBP", "lossless": True, "exif": b"Exif\0\0MM\0*\0\0\0\x08\0\0"}, "lossless WEBP"),
        ({"format": "TIFF"}, "lossless TIFF"),
        ({"format": "TIFF", "compression": "jpeg"}, "lossy TIFF"),
        ({"format": "BMP"}, "lossless BMP"),
        ({"format": "PPM"}, "lossless PPM"),
    ],
)
def test_the_source_says_whether_images_are_lossless(tmp_path: Path, options: dict[str, object], quality: str) -> None:
    """By content: all these files are called .png."""
    folder = image_folder(tmp_path / "photos")
    originals = load_dataset("folder", folder).train.images
    save(folder, **options)  # type: ignore[arg-type]
    data = load_dataset("folder", folder)
    assert data.source.startswith(f"photos/ (image folder, {quality}) in")
    assert torch.equal(data.train.images, originals) == quality.startswith("lossless")


def test_a_mix_names_every_kind(tmp_path: Path) -> None:
    folder = image_folder(tmp_path / "photos")
    save(folder / "test" / "dog", "JPEG")
    assert "(image folder, lossy JPEG, lossless PNG)" in load_dataset("folder", folder).source
