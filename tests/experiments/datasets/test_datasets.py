"""Loaders: what they read, what they refuse, and what they do when there is nothing."""

import contextlib
import hashlib
import lzma
import os
import pickle
import socket
import struct
import sys
import tarfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, get_args
from urllib.error import URLError

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from experiments.config.choices import DatasetName
from experiments.datasets import (
    DATASETS,
    DataError,
    cifar10,
    cifar100,
    download,
    fashion_mnist,
    load_dataset,
    mnist,
    stand_in,
)
from experiments.datasets.download import fetch
from experiments.datasets.image_files import read_folder
from experiments.datasets.known import load_known

# Absolute, because each test works in a folder of its own.
REAL = Path(os.environ["CONVFF_DATA"]).resolve() if os.environ.get("CONVFF_DATA") else None
real_data = pytest.mark.skipif(REAL is None, reason="CONVFF_DATA is not set")
CIFAR10_NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
IDX_FILES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


@pytest.fixture(autouse=True)
def bare_place(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Each test runs in an empty working directory, without CONVFF_DATA, and no download gets through."""
    place = tmp_path_factory.mktemp("cwd")
    monkeypatch.chdir(place)
    monkeypatch.delenv("CONVFF_DATA", raising=False)
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr("experiments.datasets.known.fetch", lambda *_: "no network in tests")
    return place


@pytest.fixture
def any_idx_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files that are not the published ones are read too."""
    for module in (mnist, fashion_mnist):
        free = replace(module.KNOWN, read=partial(module.KNOWN.read, copies=()))
        monkeypatch.setattr(module, "KNOWN", free)


@pytest.fixture
def few_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stand_in, "TRAIN_COUNT", 300)
    monkeypatch.setattr(stand_in, "TEST_COUNT", 200)


def noise(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def png(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def image_folder(root: Path, names: tuple[str, ...] = ("cat", "dog"), suffix: str = ".png", size: int = 8) -> Path:
    """Four training and two test images per class."""
    for split, count in (("train", 4), ("test", 2)):
        for k, name in enumerate(names):
            for i in range(count):
                png(root / split / name / f"{i}{suffix}", noise(100 * k + 10 * i + count, size, size, 3))
    return root


def idx(path: Path, values: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    header = struct.pack(f">{values.ndim + 1}I", 0x0800 + values.ndim, *values.shape)
    path.write_bytes(header + values.tobytes())


def mnist_files(root: Path, side: int = 28, folder: str = "MNIST") -> Path:
    """Twenty training and ten test images; returns the folder of the four files."""
    raw = root / folder / "raw"
    for seed, (stem, count) in enumerate((("train", 20), ("t10k", 10))):
        idx(raw / f"{stem}-images-idx3-ubyte", noise(seed, count, side, side))
        idx(raw / f"{stem}-labels-idx1-ubyte", np.arange(count, dtype=np.uint8) % 10)
    return raw


def small_cifar(original: Any, root: Path, num_classes: int) -> Any:
    """A class like torchvision's, with the checksums of small batches that are written to `root`."""
    fine = num_classes == 100
    folder = root / original.base_folder
    folder.mkdir(parents=True)

    def write(name: str, content: dict[str, object]) -> str:
        data = pickle.dumps(content)
        (folder / name).write_bytes(data)
        return hashlib.md5(data).hexdigest()

    def batch(seed: int) -> dict[str, object]:
        labels = list(range(num_classes)) * 2
        return {"data": noise(seed, len(labels), 3072), "fine_labels" if fine else "labels": labels}

    names = [f"class {k:02}" for k in range(num_classes)]
    return type(
        original.__name__,
        (original,),
        {
            "train_list": [[name, write(name, batch(i))] for i, (name, _) in enumerate(original.train_list)],
            "test_list": [[name, write(name, batch(99))] for name, _ in original.test_list],
            "meta": {**original.meta, "md5": write(original.meta["filename"], {original.meta["key"]: names})},
        },
    )


# --- the table ---


def test_every_choice_of_the_scripts_has_a_loader() -> None:
    assert set(DATASETS) == set(get_args(DatasetName))


def test_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(DataError, match=r"'svhn'.*mnist, fashion_mnist, cifar10"):
        load_dataset("svhn", None)


# --- idx files ---


@pytest.mark.parametrize(
    ("name", "folder", "title"), [("mnist", "MNIST", "MNIST"), ("fashion_mnist", "FashionMNIST", "Fashion-MNIST")]
)
def test_idx_files_are_read_as_written(any_idx_files: None, tmp_path: Path, name: str, folder: str, title: str) -> None:
    mnist_files(tmp_path, folder=folder)
    data = load_dataset(name, tmp_path)
    assert torch.equal(data.train.images[:, 0], torch.from_numpy(noise(0, 20, 28, 28)))
    assert torch.equal(data.test.images[:, 0], torch.from_numpy(noise(1, 10, 28, 28)))
    assert data.test.classes.tolist() == list(range(10))
    assert data.train.name == f"{title} (20 training images, 10 test images)"
    assert not data.is_stand_in
    assert "--data-dir" in data.source
    assert data.train.class_names[9] == ("9" if name == "mnist" else "Ankle boot")


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def _lengthen(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\0" * 784)


def _header_only(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:10])


def _other_magic(path: Path) -> None:
    path.write_bytes(b"\x1f\x8b\x08\x00" + path.read_bytes()[4:])


def _empty(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize("damage", [_cut, _lengthen, _header_only, _other_magic, _empty, Path.unlink])
@pytest.mark.parametrize("name", ["train-images-idx3-ubyte", "t10k-images-idx3-ubyte"])
def test_broken_idx_file_is_named(tmp_path: Path, damage: Callable[[Path], None], name: str) -> None:
    damage(mnist_files(tmp_path) / name)
    with pytest.raises(DataError, match=name):
        load_dataset("mnist", tmp_path)


def test_idx_error_says_what_was_found_and_what_is_allowed(tmp_path: Path) -> None:
    _cut(mnist_files(tmp_path) / IDX_FILES[0])
    with pytest.raises(DataError, match=r"has 15,596 bytes, but its header says 20 x 28 x 28, which is 15,696"):
        load_dataset("mnist", tmp_path)


def test_idx_labels_must_match_the_images(tmp_path: Path) -> None:
    raw = mnist_files(tmp_path)
    idx(raw / IDX_FILES[3], np.zeros(9, np.uint8))
    with pytest.raises(DataError, match=r"t10k-labels-idx1-ubyte: 9 labels were found for the 10 images"):
        load_dataset("mnist", tmp_path)


def test_idx_label_without_a_class_is_refused(any_idx_files: None, tmp_path: Path) -> None:
    raw = mnist_files(tmp_path)
    idx(raw / IDX_FILES[3], np.full(10, 11, np.uint8))
    with pytest.raises(DataError, match=r"MNIST/raw.*from 11 to 11.*10 classes"):
        load_dataset("mnist", tmp_path)


def test_idx_images_of_another_size_are_refused(any_idx_files: None, tmp_path: Path) -> None:
    mnist_files(tmp_path, side=14)
    with pytest.raises(DataError, match=r"\(1, 14, 14\).*MNIST has images of \(1, 28, 28\)"):
        load_dataset("mnist", tmp_path)


# --- torchvision's batches ---


@pytest.mark.parametrize(("known", "num_classes"), [(cifar10.KNOWN, 10), (cifar100.KNOWN, 100)])
def test_batches_are_read_as_written(tmp_path: Path, known: Any, num_classes: int) -> None:
    small = small_cifar(known.torchvision_class(), tmp_path, num_classes)
    data = load_known(replace(known, torchvision_class=lambda: small), tmp_path, True)
    assert torch.equal(data.test.images.flatten(1), torch.from_numpy(noise(99, 2 * num_classes, 3072)))
    assert data.train.classes[: num_classes + 1].tolist() == [*range(num_classes), 0]
    assert (data.train.shape, data.train.num_classes) == ((3, 32, 32), num_classes)
    assert data.train.class_names[7] == "class 07"


@pytest.mark.parametrize("name", ["train", "test", "meta"])
@pytest.mark.parametrize("damage", [_cut, Path.unlink])
def test_broken_batch_is_named(tmp_path: Path, name: str, damage: Callable[[Path], None]) -> None:
    small = small_cifar(cifar100.KNOWN.torchvision_class(), tmp_path, 100)
    damage(tmp_path / small.base_folder / name)
    with pytest.raises(DataError, match=rf"cifar-100-python: {name} "):
        load_known(replace(cifar100.KNOWN, torchvision_class=lambda: small), tmp_path, False)


# --- image folders and the archive ---


@pytest.fixture
def jpegs(tmp_path: Path) -> Path:
    image_folder(tmp_path / "cifar10", CIFAR10_NAMES, ".jpg", 32)
    return tmp_path


def packed(jpegs: Path, into: Path) -> Path:
    into.mkdir()
    with tarfile.open(into / "cifar10-jpeg.tar.xz", "w:xz") as archive:
        archive.add(jpegs / "cifar10", "cifar10")
    return into / "cifar10-jpeg.tar.xz"


def test_folder_archive_and_bare_folder_give_the_same(jpegs: Path, tmp_path: Path) -> None:
    folder = load_dataset("cifar10", jpegs)
    bare = load_dataset("cifar10", jpegs / "cifar10")
    archive = load_dataset("cifar10", packed(jpegs, tmp_path / "packed").parent)
    for other in (bare, archive):
        assert torch.equal(folder.train.images, other.train.images)
        assert torch.equal(folder.test.classes, other.test.classes)
    assert folder.train.class_names == CIFAR10_NAMES
    assert "cifar10-jpeg.tar.xz" in archive.source


def test_copies_are_named_as_such(jpegs: Path) -> None:
    known = replace(cifar10.KNOWN, counts=(40, 1_234))
    assert load_known(known, jpegs, False).test.name == "CIFAR-10 (JPEG copy, 20 test images)"
    assert load_dataset("cifar10", jpegs).test.name == "CIFAR-10 (JPEG copy, 40 training images, 20 test images)"


def test_each_image_keeps_its_class_in_the_mixed_order(tmp_path: Path) -> None:
    names = ("bee", "ant", "cow")
    for k, name in enumerate(names):
        for i in range(30):
            png(tmp_path / "train" / name / f"{i}.png", np.full((4, 4), 80 * k + i, np.uint8))
        png(tmp_path / "test" / name / "0.png", np.full((4, 4), 80 * k, np.uint8))
    data = load_dataset("folder", tmp_path)
    found = [names[int(image[0, 0, 0]) // 80] for image in data.train.images]
    assert found == [data.train.class_names[k] for k in data.train.classes.tolist()]
    assert data.train.class_names == ("ant", "bee", "cow")
    assert set(data.train.part(-20, None).classes.tolist()) == {0, 1, 2}
    assert torch.equal(data.train.images, load_dataset("folder", tmp_path).train.images)


def test_gray_stays_gray_unless_one_image_is_coloured(tmp_path: Path) -> None:
    for name in ("a", "b"):
        for split in ("train", "test"):
            png(tmp_path / split / name / "0.png", noise(1, 6, 5))
    gray = load_dataset("folder", tmp_path)
    assert gray.train.shape == (1, 6, 5)
    assert torch.equal(gray.train.images[0, 0], torch.from_numpy(noise(1, 6, 5)))
    png(tmp_path / "test" / "b" / "1.png", noise(2, 6, 5, 3))
    assert load_dataset("folder", tmp_path).train.shape == (3, 6, 5)


def test_palette_and_transparency_become_rgb(tmp_path: Path) -> None:
    image_folder(tmp_path)
    pixels = np.full((8, 8, 3), (255, 0, 0), np.uint8)
    Image.fromarray(pixels).convert("P").save(tmp_path / "test" / "cat" / "0.png", transparency=b"\x80\x40")
    Image.fromarray(pixels).convert("RGBA").save(tmp_path / "test" / "cat" / "1.png")
    data = load_dataset("folder", tmp_path)
    cats = data.test.images[data.test.classes == 0]
    assert torch.equal(cats[0], torch.from_numpy(pixels).permute(2, 0, 1))
    assert torch.equal(cats[0], cats[1])


def test_other_files_and_hidden_folders_are_passed_over(tmp_path: Path) -> None:
    image_folder(tmp_path)
    (tmp_path / "train" / "cat" / "notes.txt").write_text("no image")
    (tmp_path / "train" / "cat" / "._0.png").write_bytes(b"no image")
    (tmp_path / "train" / ".cache").mkdir()
    assert len(load_dataset("folder", tmp_path).train) == 8


def _cut_in_half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _sixteen_bits(path: Path) -> None:
    Image.fromarray(np.full((8, 8), 40_000, np.uint16)).save(path, "PNG")


def _other_size(path: Path) -> None:
    png(path, noise(0, 9, 7, 3))


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
@pytest.mark.parametrize("damage", [_cut_in_half, _header_only, _empty, _sixteen_bits, _other_size])
def test_broken_image_is_named(tmp_path: Path, suffix: str, damage: Callable[[Path], None]) -> None:
    """In a published data set: your own images may have any size, and 16 bits."""
    image_folder(tmp_path, suffix=suffix)
    damage(tmp_path / "test" / "dog" / f"1{suffix}")
    with pytest.raises(DataError, match=rf"test/dog/1\{suffix}.*(it must be|must have the same size)"):
        read_folder(tmp_path)


def test_sizes_of_images_are_told(tmp_path: Path) -> None:
    image_folder(tmp_path)
    _other_size(tmp_path / "test" / "dog" / "1.png")
    with pytest.raises(DataError, match=r"7 x 9.*8 x 8|8 x 8.*7 x 9"):
        read_folder(tmp_path)


def test_empty_class_folder_is_named(tmp_path: Path) -> None:
    image_folder(tmp_path)
    for path in (tmp_path / "train" / "cat").iterdir():
        path.unlink()
    with pytest.raises(DataError, match=r"train/cat: no image was found.*\.png"):
        load_dataset("folder", tmp_path)


def test_missing_test_folder_is_named(tmp_path: Path) -> None:
    (image_folder(tmp_path) / "test").rename(tmp_path / "val")
    with pytest.raises(DataError, match=r"there is no folder test/.*test/<class>"):
        load_dataset("folder", tmp_path)


def test_differing_class_names_are_told(tmp_path: Path) -> None:
    (image_folder(tmp_path) / "test" / "dog").rename(tmp_path / "test" / "hound")
    with pytest.raises(DataError, match=r"only in train/: dog; only in test/: hound"):
        load_dataset("folder", tmp_path)


def test_a_single_class_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"train: 1 class folders.*two or more"):
        load_dataset("folder", image_folder(tmp_path, ("only",)))


def test_folder_needs_a_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"needs --data-dir.*train/<class>"):
        load_dataset("folder", None)
    with pytest.raises(DataError, match=r"nowhere does not exist.*train/<class>"):
        load_dataset("folder", tmp_path / "nowhere")
    with pytest.raises(DataError, match=r"there is no folder train/"):
        load_dataset("folder", tmp_path)


def test_folder_of_another_number_of_classes_is_refused(tmp_path: Path) -> None:
    image_folder(tmp_path / "cifar10", CIFAR10_NAMES[:9], ".jpg", 32)
    with pytest.raises(DataError, match=r"in 9 classes were found; CIFAR-10.*in 10 classes"):
        load_dataset("cifar10", tmp_path)
    with pytest.raises(DataError, match=r"holds test/, train/; CIFAR-10 is recognised by.*10 class folders"):
        load_dataset("cifar10", tmp_path / "cifar10")


@pytest.mark.parametrize("keep", [0.0, 0.5, 0.97])
def test_archive_cut_short_is_named(jpegs: Path, tmp_path: Path, keep: float) -> None:
    archive = packed(jpegs, tmp_path / "packed")
    archive.write_bytes(archive.read_bytes()[: int(keep * archive.stat().st_size)])
    with pytest.raises(
        DataError, match=r"cifar10-jpeg\.tar\.xz: cannot be read to its end.*must be a complete archive"
    ):
        load_dataset("cifar10", archive.parent)


def test_archive_is_held_to_its_checksum(jpegs: Path, tmp_path: Path) -> None:
    archive = packed(jpegs, tmp_path / "packed")
    # Padding, as tar makes it, so that the last image is read long before the checksum.
    content = bytearray(lzma.compress(lzma.decompress(archive.read_bytes()) + bytes(1 << 16)))
    # The end of an xz file: the checksum of the content, the index, and 12 bytes that give the size of the index.
    index = 4 * (1 + int.from_bytes(content[-8:-4], "little"))
    content[-12 - index - 1] ^= 0xFF
    archive.write_bytes(content)
    with pytest.raises(DataError, match=r"cifar10-jpeg\.tar\.xz: cannot be read to its end"):
        load_dataset("cifar10", archive.parent)


def test_archive_errors_name_the_member(jpegs: Path, tmp_path: Path) -> None:
    _cut_in_half(jpegs / "cifar10" / "train" / "deer" / "2.jpg")
    with pytest.raises(DataError, match=r"tar\.xz: cifar10/train/deer/2\.jpg: cannot be read"):
        load_dataset("cifar10", packed(jpegs, tmp_path / "packed").parent)


# --- where data are looked for ---


def test_missing_or_empty_data_dir_is_an_error(tmp_path: Path, few_drawn: None) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").touch()
    for name, state in (("absent", "does not exist"), ("empty", "holds nothing"), ("file", "is not a folder")):
        with pytest.raises(DataError, match=rf"{name}\): {state}; MNIST is recognised by MNIST/raw/ \(train-images"):
            load_dataset("mnist", tmp_path / name)


def test_order_of_places(
    any_idx_files: None, tmp_path: Path, bare_place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place in (tmp_path / "given", tmp_path / "named", bare_place / "data"):
        mnist_files(place)
    monkeypatch.setenv("CONVFF_DATA", str(tmp_path / "named"))
    assert "--data-dir" in load_dataset("mnist", tmp_path / "given").source
    assert "$CONVFF_DATA" in load_dataset("mnist", None).source
    monkeypatch.setenv("CONVFF_DATA", str(tmp_path))
    assert "./data" in load_dataset("mnist", None).source


def test_broken_data_are_never_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _cut(mnist_files(tmp_path) / IDX_FILES[0])
    monkeypatch.setenv("CONVFF_DATA", str(tmp_path))
    with pytest.raises(DataError, match=IDX_FILES[0]):
        load_dataset("mnist", None)


def test_require_lists_every_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONVFF_DATA", str(tmp_path / "absent"))
    with pytest.raises(DataError) as caught:
        load_dataset("cifar100", None, require=True)
    for part in ("$CONVFF_DATA", "absent", "./data", "no network in tests", "cifar-100-python/", "cifar100/train/"):
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("name", "title", "shape", "num_classes"),
    [
        ("mnist", "MNIST", (1, 28, 28), 10),
        ("fashion_mnist", "Fashion-MNIST", (1, 28, 28), 10),
        ("cifar10", "CIFAR-10", (3, 32, 32), 10),
        ("cifar100", "CIFAR-100", (3, 32, 32), 100),
    ],
)
def test_stand_in_when_nothing_is_there(
    few_drawn: None, bare_place: Path, name: str, title: str, shape: tuple[int, int, int], num_classes: int
) -> None:
    data = load_dataset(name, None)
    assert data.is_stand_in
    assert data.train.name == data.test.name == f"stand-in for {title} (drawn by the package)"
    assert (data.train.shape, data.train.num_classes) == (shape, num_classes)
    assert "no network in tests" in data.source
    assert list(bare_place.iterdir()) == []


# --- download ---


@contextlib.contextmanager
def served(folder: Path, handler: type[SimpleHTTPRequestHandler] | None = None) -> Iterator[str]:
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(handler or Quiet, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


def online_cifar(root: Path) -> Any:
    """CIFAR-100, small, packed the way it is offered for download; `url` is still to be set."""
    small = small_cifar(cifar100.KNOWN.torchvision_class(), root / "made", 100)
    with tarfile.open(root / small.filename, "w:gz") as archive:
        archive.add(root / "made" / small.base_folder, small.base_folder)
    small.tgz_md5 = hashlib.md5((root / small.filename).read_bytes()).hexdigest()

    def talkative(self: Any) -> None:  # as older torchvisions are
        sys.stdout.write(f"Downloading {self.url}")
        super(small, self).download()

    small.download = talkative
    return small


def test_download_is_moved_into_place_whole(
    tmp_path: Path, bare_place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("experiments.datasets.known.fetch", fetch)
    small = online_cifar(tmp_path)
    known = replace(cifar100.KNOWN, torchvision_class=lambda: small)
    with served(tmp_path) as address:
        small.url = address + small.filename
        data = load_known(known, None, True)
    assert "downloaded" in data.source
    assert [path.name for path in (bare_place / "data").iterdir()] == ["cifar-100-python"]
    assert capsys.readouterr().out == ""
    assert socket.getdefaulttimeout() is None


def test_a_download_that_another_process_did_faster_is_found(
    any_idx_files: None, few_drawn: None, bare_place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def beaten(torchvision_class: Any, folder: str, into: Path) -> str:
        mnist_files(into)
        return "OSError: Directory not empty"

    monkeypatch.setattr("experiments.datasets.known.fetch", beaten)
    data = load_dataset("mnist", None)
    assert not data.is_stand_in
    assert data.source.endswith("in ./data (data)")


def test_broken_download_leaves_nothing(tmp_path: Path, bare_place: Path) -> None:
    small = online_cifar(tmp_path)
    small.tgz_md5 = "0" * 32
    with served(tmp_path) as address:
        small.url = address + small.filename
        failure = fetch(small, small.base_folder, bare_place / "data")
        assert failure is not None
        assert "RuntimeError" in failure
        small.url = address + "absent.tar.gz"
        assert "404" in str(fetch(small, small.base_folder, bare_place / "data"))
    assert list(bare_place.iterdir()) == []


def test_download_gives_up_on_silent_and_absent_servers(bare_place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = mnist.KNOWN.torchvision_class()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setattr(original, "mirrors", [f"http://127.0.0.1:{silent.getsockname()[1]}/"] * 30)
        start = time.monotonic()
        assert fetch(original, "MNIST/raw", Path("data"), seconds=0.2) == "no server answered within 0.2 s"
        assert time.monotonic() - start < 3  # the limit is for all servers together: one after the other takes 6 s
    assert fetch(original, "MNIST/raw", Path("data"), seconds=5) == "no server answered within 5 s"
    assert list(bare_place.iterdir()) == []


def test_plain_http_is_refused(bare_place: Path) -> None:
    original = mnist.KNOWN.torchvision_class()
    plain = type("MNIST", (original,), {"mirrors": ["http://mnist.invalid/"]})
    failure = fetch(plain, "MNIST/raw", Path("data"))
    assert failure == (
        "plain http is refused, and there is no other address than http://mnist.invalid/train-images-idx3-ubyte.gz"
    )
    assert list(bare_place.iterdir()) == []


def test_every_data_set_has_an_address_with_https() -> None:
    for known in (mnist.KNOWN, fashion_mnist.KNOWN, cifar10.KNOWN, cifar100.KNOWN):
        assert any(address.startswith("https://") for address in download._addresses(known.torchvision_class()))


def test_a_fall_back_from_https_to_http_is_refused(
    tmp_path: Path, bare_place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """torchvision asks for http where https fails: here a server that speaks http alone."""
    small = online_cifar(tmp_path)
    with served(tmp_path) as address:
        small.url = address.replace("http://", "https://") + small.filename
        monkeypatch.setattr(download, "_answers", lambda *_: True)
        monkeypatch.setattr("torchvision.datasets.utils._get_redirect_url", lambda url, **_: url)
        assert fetch(small, small.base_folder, bare_place / "data") is None  # to this machine, http is harmless
        monkeypatch.setattr(download, "THIS_MACHINE", frozenset())
        failure = fetch(small, small.base_folder, bare_place / "again")
    assert "plain http is refused: http://127.0.0.1" in str(failure)
    assert not (bare_place / "again").exists()


def test_a_redirect_to_http_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Elsewhere(SimpleHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(302)
            self.send_header("Location", "http://mnist.invalid/file")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with served(tmp_path, Elsewhere) as address:
        with (
            download._no_plain_http(),
            pytest.raises(URLError, match=r"plain http is refused: http://mnist\.invalid/file"),
        ):
            urllib.request.urlopen(address)
        before = urllib.request.build_opener()
        urllib.request.install_opener(before)
        with download._no_plain_http():
            pass
        assert urllib.request._opener is before
        urllib.request.install_opener(None)


# --- digits ---


def test_digits_are_split_the_same_way_each_time() -> None:
    data, again = load_dataset("digits", None), load_dataset("digits", None)
    assert (len(data.train), len(data.test), data.train.shape) == (1_437, 360, (1, 8, 8))
    assert torch.equal(data.train.images, again.train.images)
    assert int(data.train.images.max()) == 255
    for part in (data.train, data.test):
        share = torch.bincount(part.classes, minlength=10) / len(part)
        assert share.min() > 0.085
        assert share.max() < 0.115
    assert not data.is_stand_in


# --- the stand-in ---


def edges(images: Tensor, cells: int = 4, bins: int = 12) -> np.ndarray:
    """How much edge of which direction lies in each cell, as float `[N, bins * cells^2]`."""
    gray = images.float().mean(1, keepdim=True) / 255
    dx = gray[..., 1:-1, 2:] - gray[..., 1:-1, :-2]
    dy = gray[..., 2:, 1:-1] - gray[..., :-2, 1:-1]
    direction = ((torch.atan2(dy, dx) % torch.pi) / torch.pi * bins).long().clamp(max=bins - 1)
    found = torch.zeros(len(images), bins, *dx.shape[2:]).scatter_(1, direction, torch.hypot(dx, dy))
    return adaptive_avg_pool2d(found, cells).flatten(1).numpy()


def linear_accuracy(train: np.ndarray, test: np.ndarray, classes: tuple[Tensor, Tensor], steps: int) -> float:
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=steps))
    with pytest.warns(ConvergenceWarning):
        model.fit(train, classes[0])
    return float(model.score(test, classes[1]))


@pytest.mark.parametrize("shape", [pytest.param((3, 32, 32), marks=pytest.mark.slow), (1, 28, 28)])
def test_stand_in_is_hard_on_pixels_and_easy_on_edges(shape: tuple[int, int, int]) -> None:
    train, test = stand_in.draw(2_500, shape, 10, "train"), stand_in.draw(500, shape, 10, "test")
    classes = (train[1], test[1])
    pixels = linear_accuracy(train[0].flatten(1).numpy(), test[0].flatten(1).numpy(), classes, steps=10)
    assert pixels < 0.3
    assert linear_accuracy(edges(train[0]), edges(test[0]), classes, steps=40) > 0.45


def test_stand_in_is_the_same_every_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stand_in, "CHUNK", 50)
    threads = torch.get_num_threads()
    state = torch.get_rng_state()
    images, classes = stand_in.draw(70, (3, 32, 32), 10)
    try:
        torch.set_num_threads(1 if threads > 1 else 2)
        again, classes_again = stand_in.draw(70, (3, 32, 32), 10)
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(images, again)
    assert torch.equal(classes, classes_again)
    assert torch.equal(state, torch.get_rng_state())


def test_stand_in_images_differ_and_fill_every_class() -> None:
    images, classes = stand_in.draw(1_000, (1, 28, 28), 100, "train")
    other, _ = stand_in.draw(1_000, (1, 28, 28), 100, "test")
    assert torch.bincount(classes).tolist() == [10] * 100
    assert len(torch.unique(torch.cat([images, other]).flatten(1), dim=0)) == 2_000


@pytest.mark.parametrize("num_classes", [2, 3, 7, 10, 26, 62, 100])
def test_stand_in_classes_are_distinct(few_drawn: None, num_classes: int) -> None:
    names = stand_in.stand_in("any", (1, 16, 20), num_classes).train.class_names
    assert len(set(names)) == num_classes


def test_stand_in_is_as_large_as_it_says() -> None:
    assert (stand_in.TRAIN_COUNT, stand_in.TEST_COUNT) == (20_000, 2_000)


def test_stand_in_can_be_asked_for(few_drawn: None) -> None:
    data = load_dataset("stand_in", None, require=True)
    assert (len(data.train), len(data.test), data.train.shape) == (300, 200, (3, 32, 32))
    assert data.is_stand_in
    assert data.train.name == "stand-in (drawn by the package)"


@pytest.mark.parametrize(("channels", "num_classes"), [(2, 10), (3, 101), (3, 0)])
def test_stand_in_refuses_what_it_cannot_draw(channels: int, num_classes: int) -> None:
    with pytest.raises(ValueError, match=rf"1 to 100 classes, got {channels} and {num_classes}"):
        stand_in.draw(4, (channels, 32, 32), num_classes)


# --- the real images ---


@real_data
@pytest.mark.parametrize(
    ("name", "folder", "first"), [("mnist", "MNIST", [5, 0, 4, 1, 9]), ("fashion_mnist", "FashionMNIST", None)]
)
def test_real_idx_files(name: str, folder: str, first: list[int] | None) -> None:
    assert REAL is not None
    if not (REAL / folder / "raw").is_dir():
        pytest.skip(f"{name} is not there")
    data = load_dataset(name, REAL)
    assert (len(data.train), len(data.test), data.train.shape) == (60_000, 10_000, (1, 28, 28))
    assert "(" not in data.train.name
    assert first is None or data.train.classes[:5].tolist() == first


@pytest.mark.slow
@real_data
def test_real_cifar10_copy() -> None:
    assert REAL is not None
    if not (REAL / "cifar10-jpeg.tar.xz").is_file():
        pytest.skip("the JPEG archive is not there")
    data = load_dataset("cifar10", REAL)
    assert data.train.class_names == CIFAR10_NAMES
    assert data.test.name == f"CIFAR-10 (JPEG copy, {len(data.test):,} test images)"
    assert torch.bincount(data.train.classes).tolist() == [5_000] * 10
    assert torch.bincount(data.train.classes[-1_000:], minlength=10).min() > 60
    # The known means of CIFAR-10's channels, as far as JPEG keeps them.
    means = data.train.images.float().mean((0, 2, 3)) / 255
    assert torch.allclose(means, torch.tensor([0.491, 0.482, 0.447]), atol=0.003)


@pytest.mark.slow
@real_data
def test_real_cifar100_copy() -> None:
    assert REAL is not None
    if not (REAL / "cifar100.tar.xz").is_file():
        pytest.skip("the archive is not there")
    data = load_dataset("cifar100", REAL)
    assert data.source == f"cifar100.tar.xz (archive, lossless WEBP) in --data-dir ({REAL})"
    assert data.test.name == f"CIFAR-100 (lossless WebP copy, {len(data.test):,} test images)"
    assert (data.train.class_names[0], data.train.class_names[99]) == ("apple", "worm")
    assert data.train.superclasses is not None
    assert torch.bincount(data.train.classes).tolist() == [500] * 100
    means = data.train.images.float().mean((0, 2, 3)) / 255
    assert torch.allclose(means, torch.tensor([0.5071, 0.4865, 0.4409]), atol=1e-4)
