"""Damaged and hostile data: each piece is refused by its path before anything is learned, and nothing is written."""

import hashlib
import io
import os
import struct
import tarfile
import tempfile
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from experiments.config.command_line import parse
from experiments.config.settings import Settings
from experiments.datasets import DataError, load_dataset
from experiments.datasets.image_files import read_archive, read_folder

REAL = Path(os.environ["CONVFF_DATA"]).resolve() if os.environ.get("CONVFF_DATA") else None
IDX_FILES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


def image(seed: int, format: str = "PNG") -> bytes:
    """The file of a random image of 8 x 8 pixels."""
    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)).save(file, format)
    return file.getvalue()


def good() -> dict[str, bytes]:
    """The files of a small sound data set, by name."""
    names = [f"{split}/{name}/{i}.png" for split in ("train", "test") for name in ("cat", "dog") for i in range(2)]
    return {name: image(seed) for seed, name in enumerate(names)}


def as_folder(place: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        path = place / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not name.endswith("/"):
            path.write_bytes(content)
        else:
            path.mkdir(exist_ok=True)
    return place / "photos"


def as_zip(place: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(place / "photos.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return place / "photos.zip"


def as_tar(place: Path, files: dict[str, bytes]) -> Path:
    return tar(place, [plain(name, content) for name, content in files.items()])


Entry = tuple[tarfile.TarInfo, bytes]


def plain(name: str, content: bytes) -> Entry:
    entry = tarfile.TarInfo(name)
    entry.type = tarfile.DIRTYPE if name.endswith("/") else tarfile.REGTYPE
    entry.size = len(content)
    return entry, content


def tar(place: Path, entries: list[Entry]) -> Path:
    with tarfile.open(place / "photos.tar", "w") as archive:
        for entry, content in entries:
            archive.addfile(entry, io.BytesIO(content))
    return place / "photos.tar"


FORMS = (as_folder, as_zip, as_tar)


def state(place: Path) -> dict[str, str]:
    """Everything below a folder, with the content of the files."""
    return {
        str(path.relative_to(place)): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "folder"
        for path in place.rglob("*")
        if not path.is_fifo()
    }


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for the data, beside which lie the working directory and the folder of temporary files."""
    for name in ("data", "cwd", "temporary"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "cwd")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    return tmp_path / "data"


def refused(data: Path, *named: str) -> None:
    """Load a folder or an archive: there must be an error that names it and all of `named`, and no file written."""
    before = state(data.parent.parent)
    with pytest.raises(DataError) as caught:
        load_dataset("folder", data)
    for part in (str(data), *named):
        assert part in str(caught.value)
    assert state(data.parent.parent) == before


@pytest.mark.parametrize("form", FORMS)
def test_the_command_line_takes_what_the_reader_takes(form: Callable[..., Path], place: Path) -> None:
    data = form(place, good())
    settings = parse(Settings(), None, ["--dataset", "folder", "--data-dir", str(data)])
    assert len(load_dataset(settings.dataset, settings.data_dir).train) == 4


def test_the_command_line_takes_archives_alone_for_a_known_data_set(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = as_zip(place, good())
    options = ["--dataset", "mnist", "--data-dir"]
    assert parse(Settings(), None, [*options, str(data)]).data_dir == data
    with pytest.raises(SystemExit) as ended:
        parse(Settings(), None, [*options, str(data.rename(place / "images.rar"))])
    assert ended.value.code == 2
    assert f"--data-dir {place / 'images.rar'} is not a folder" in capsys.readouterr().err


@pytest.mark.parametrize("form", FORMS)
def test_sound_data_are_read(place: Path, form: Callable[[Path, dict[str, bytes]], Path]) -> None:
    """Else all that follows could be refused for another reason."""
    data = load_dataset("folder", form(place, good()))
    assert (len(data.train), len(data.test), data.train.class_names) == (4, 4, ("cat", "dog"))
    assert torch.equal(data.test.images, load_dataset("folder", as_folder(place, good())).test.images)


# --- bad images ---


def chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def handmade_png(width: int, height: int, bits: int, colour: int, rows: bytes) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def tiff(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "TIFF")
    return file.getvalue()


def flipped(content: bytes, at: int) -> bytes:
    damaged = bytearray(content)
    damaged[at] ^= 0x10
    return bytes(damaged)


BAD_IMAGES = {
    "text": b"no image at all",
    "nothing": b"",
    "half a PNG": image(1)[:-60],
    "half a JPEG": image(1, "JPEG")[: len(image(1, "JPEG")) // 2],
    "a JPEG without its last bytes": image(1, "JPEG")[:-20],
    "a flipped byte in the pixels": flipped(image(1), 60),
    "a header alone": image(1)[:33],
    "16 bits, gray": handmade_png(8, 8, 16, 0, (b"\0" + bytes(16)) * 8),
    "16 bits, RGB": handmade_png(8, 8, 16, 2, (b"\0" + bytes(48)) * 8),
    "16 bits, RGBA": handmade_png(8, 8, 16, 6, (b"\0" + bytes(64)) * 8),
    "16 bits, PPM": b"P6 8 8 65535\n" + bytes(8 * 8 * 6),
    "16 bits, TIFF": tiff(np.zeros((8, 8), np.uint16)),
    "float, TIFF": tiff(np.zeros((8, 8), np.float32)),
    "another size": handmade_png(9, 8, 8, 2, (b"\0" + bytes(27)) * 8),
    "no pixels": handmade_png(0, 8, 8, 2, b""),
    "65 megapixels": handmade_png(8_125, 8_000, 1, 0, b""),
    "2^31 pixels": handmade_png(1 << 16, 1 << 15, 1, 0, b""),
    "a program": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n(photos) run\n",
}


GOOD_PHOTOGRAPHS = {what for what in BAD_IMAGES if what.startswith("16 bits") or what == "another size"}
"""What only a published data set may not hold."""


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("what", sorted({*BAD_IMAGES} - GOOD_PHOTOGRAPHS))
def test_a_bad_image_is_refused(place: Path, form: Callable[[Path, dict[str, bytes]], Path], what: str) -> None:
    refused(form(place, good() | {"test/dog/1.png": BAD_IMAGES[what]}), "test/dog/1.png", "must")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("what", sorted(GOOD_PHOTOGRAPHS))
def test_a_published_data_set_holds_no_such_images(place: Path, form: Callable[..., Path], what: str) -> None:
    """They are read as photographs of one's own, but would not be what was published."""
    data = form(place, good() | {"test/dog/1.png": BAD_IMAGES[what]})
    assert len(load_dataset("folder", data).test) == 4
    with pytest.raises(DataError, match=r"test/dog/1\.png.*must"):
        (read_folder if data.is_dir() else read_archive)(data)


def test_a_huge_picture_is_refused_by_its_header(place: Path) -> None:
    """One of 89 megapixels is held to its content, and one row more is not even looked at."""
    for height, reason in ((11_125, "image file is truncated"), (11_126, "it has 8,000 x 11,126 pixels")):
        picture = handmade_png(8_000, height, 1, 0, b"")
        refused(
            as_folder(place, good() | {"test/dog/1.png": picture}),
            f"test/dog/1.png cannot be read as an image: {reason}",
        )


def test_a_picture_is_never_given_to_another_program(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pillow starts Ghostscript for PostScript, whatever the name of the file."""
    monkeypatch.setattr("subprocess.Popen.__init__", lambda *_, **__: pytest.fail("a program was started"))
    monkeypatch.setattr("PIL.EpsImagePlugin.gs_binary", "gs")
    refused(as_folder(place, good() | {"test/dog/1.png": BAD_IMAGES["a program"]}), "no known image format")


def without(*starts: str) -> dict[str, bytes]:
    return {name: content for name, content in good().items() if not name.startswith(starts)}


BAD_TREES: dict[str, tuple[dict[str, bytes], tuple[str, ...]]] = {
    "an empty class": (without("train/cat") | {"train/cat/": b""}, ("/train/cat: no image",)),
    "a class of other files": (without("train/cat") | {"train/cat/0.txt": b"cat"}, ("/train/cat: no image",)),
    "a class that test lacks": (good() | {"train/eel/0.png": image(9)}, ("only in train/: eel",)),
    "a class that train lacks": (good() | {"test/eel/0.png": image(9)}, ("only in test/: eel",)),
    "names that differ": (without("test/cat") | {"test/Cat/0.png": image(9)}, ("in train/: cat", "in test/: Cat")),
    "one class": (without("train/dog", "test/dog"), ("/train: 1 class folders",)),
    "no test images": (without("test"), ("there is no folder test/",)),
    "no training images": (without("train"), ("there is no folder train/",)),
    "images without a class": ({"train/0.png": image(1), "test/0.png": image(2)}, ("/train: 0 class folders",)),
    "other folders": ({"images/cat/0.png": image(1)}, ("there is no folder train/",)),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("what", BAD_TREES)
def test_a_bad_tree_is_refused(place: Path, form: Callable[[Path, dict[str, bytes]], Path], what: str) -> None:
    files, named = BAD_TREES[what]
    refused(form(place, files), *named)


# --- hostile archives ---


def special(name: str, kind: bytes, target: str = "") -> Entry:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = kind, target
    return entry, b""


def announced(name: str, size: int) -> Entry:
    entry = tarfile.TarInfo(name)
    entry.size = size
    return entry, b""


def sparse() -> Entry:
    entry, content = plain("train/cat/9.png", image(1))
    entry.pax_headers = {"GNU.sparse.map": "0,1", "GNU.sparse.size": str(1 << 40), "GNU.sparse.major": "0"}
    return entry, content


OUTSIDE = ("../evil.png", "train/../../evil.png", "train/cat/..", "/absolute/evil.png", "C:/evil.png", "..\\evil.png")
HOSTILE_TARS: dict[str, tuple[str, list[Entry]]] = {
    **{f"the name {name}": ("leads elsewhere", [plain(name, image(1))]) for name in OUTSIDE},
    "a symbolic link": ("a symbolic link", [special("train/cat/9.png", tarfile.SYMTYPE, "/etc/passwd")]),
    "a link that later members go through": (
        "a symbolic link",
        [special("train/eel", tarfile.SYMTYPE, "../../cwd"), plain("train/eel/0.png", image(1))],
    ),
    "a hard link": ("a hard link", [special("train/cat/9.png", tarfile.LNKTYPE, "/etc/passwd")]),
    "a device": ("a device", [special("train/cat/9.png", tarfile.CHRTYPE)]),
    "a disk": ("a device", [special("train/cat/9.png", tarfile.BLKTYPE)]),
    "a pipe": ("a pipe", [special("train/cat/9.png", tarfile.FIFOTYPE)]),
    "an unknown type": ("of type b'Z'", [special("train/cat/9.png", b"Z")]),
    "a sparse file": ("a sparse file", [sparse()]),
    "a name twice": ("is there twice", [plain("train/cat/0.png", image(1))]),
    "a name twice, written in two ways": ("is there twice", [plain("./train//cat/0.png", image(1))]),
    "65 MiB of nothing": ("unpacks to 68,157,440 bytes", [announced("train/cat/9.png", 65 << 20)]),
    "a terabyte": ("unpacks to 1,099,511,627,776 bytes", [announced("notes.txt", 1 << 40)]),
}


@pytest.mark.parametrize("what", HOSTILE_TARS)
def test_a_hostile_tar_is_refused(place: Path, what: str) -> None:
    reason, entries = HOSTILE_TARS[what]
    archive = place / "photos.tar"
    # By hand: tarfile would ask for the content that some of the headers announce.
    with archive.open("wb") as file:
        for entry, content in [*(plain(*pair) for pair in good().items()), *entries]:
            file.write(entry.tobuf(tarfile.PAX_FORMAT) + content + bytes(-len(content) % 512))
        file.write(bytes(1024))
    refused(archive, repr(entries[0][0].name), reason)


def zip_entry(name: str, **facts: int) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name)
    entry.compress_type = zipfile.ZIP_DEFLATED
    for fact, value in facts.items():
        setattr(entry, fact, value)
    return entry


HOSTILE_ZIPS: dict[str, tuple[str, zipfile.ZipInfo, bytes]] = {
    **{f"the name {name}": ("leads elsewhere", zip_entry(name), image(1)) for name in OUTSIDE},
    "a symbolic link": ("a symbolic link", zip_entry("train/cat/9.png", external_attr=0o120777 << 16), b"/etc/passwd"),
    "a device": ("a device or a pipe", zip_entry("train/cat/9.png", external_attr=0o020666 << 16), b""),
    "a pipe": ("a device or a pipe", zip_entry("train/cat/9.png", external_attr=0o010666 << 16), b""),
    "bzip2": ("by method 12", zip_entry("train/cat/9.png", compress_type=zipfile.ZIP_BZIP2), image(1)),
    "lzma": ("by method 14", zip_entry("train/cat/9.png", compress_type=zipfile.ZIP_LZMA), image(1)),
    "a name twice": ("is there twice", zip_entry("train/cat/0.png"), image(1)),
}


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("what", HOSTILE_ZIPS)
def test_a_hostile_zip_is_refused(place: Path, what: str) -> None:
    reason, entry, content = HOSTILE_ZIPS[what]
    archive = as_zip(place, good())
    with zipfile.ZipFile(archive, "a") as file:
        file.writestr(entry, content, compresslevel=1)
    refused(archive, repr(entry.filename), reason)


def patched(archive: Path, at: int, value: bytes) -> Path:
    """Change the list at the end of a zip: its last entry, at an offset from the start of the entry."""
    content = bytearray(archive.read_bytes())
    start = content.rindex(b"PK\x01\x02") + at
    content[start : start + len(value)] = value
    archive.write_bytes(content)
    return archive


def test_an_encrypted_zip_is_refused(place: Path) -> None:
    refused(patched(as_zip(place, good()), 8, b"\x01"), "'test/dog/1.png' is encrypted")


def test_a_zip_of_a_huge_member_is_refused(place: Path) -> None:
    archive = patched(as_zip(place, good()), 24, struct.pack("<I", 65 << 20))
    refused(archive, "'test/dog/1.png' unpacks to 68,157,440 bytes; at most 67,108,864 are allowed")


def test_a_zip_that_says_it_is_small_is_not_unpacked(place: Path) -> None:
    """A member unpacks to 16 MiB and announces 10 bytes; reading it must take neither that memory nor its word."""
    archive = as_zip(place, good() | {"test/dog/1.png": bytes(16 << 20)})
    patched(archive, 24, struct.pack("<I", 10))
    tracemalloc.start()
    refused(archive, "Bad CRC-32 for file 'test/dog/1.png'")
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 4 << 20


def test_damage_anywhere_in_a_zip_is_seen(place: Path) -> None:
    """A byte of the packed pixels of each image is flipped in turn."""
    archive = as_zip(place, good())
    content = archive.read_bytes()
    for name in good():
        archive.write_bytes(flipped(content, content.index(name.encode()) + len(name) + 50))
        refused(archive)


def test_a_damaged_header_does_not_hide_what_follows(place: Path) -> None:
    """tarfile takes a header with a wrong checksum for the end: half of the images would be missing in silence."""
    entries = [plain(name, content) for name, content in good().items()]
    names = ["train/cat/9.png", "test/dog/9.png"]
    archive = tar(place, [*entries, *(plain(name, image(9)) for name in names)])
    content = archive.read_bytes()
    assert len(load_dataset("folder", archive).train) == 5
    for name in names:
        archive.write_bytes(flipped(content, content.index(name.encode())))
        refused(archive, "after the last member that can be read are no member")


@pytest.mark.parametrize("form", [as_zip, as_tar])
def test_an_archive_cut_anywhere_is_refused(place: Path, form: Callable[[Path, dict[str, bytes]], Path]) -> None:
    archive = form(place, good())
    content = archive.read_bytes()
    # A tar is padded with zeros: it is whole until the last image, and the mark behind it, are hit.
    whole = len(content.rstrip(b"\0"))
    for length in np.linspace(0, whole - 1, 24, dtype=int):
        archive.write_bytes(content[:length])
        refused(archive)


def test_a_tar_cut_between_two_members_is_refused(place: Path) -> None:
    """Nothing in it is damaged, but for the mark at its end."""
    archive = as_tar(place, good())
    content = archive.read_bytes()
    archive.write_bytes(content[: content.index(b"test/dog/1.png")])
    refused(archive, "the mark at the end is missing")


@pytest.mark.parametrize("suffix", [".tar", ".tar.gz", ".tgz", ".tar.xz", ".tar.bz2", ".zip"])
@pytest.mark.parametrize(
    "content", [b"", b"no archive", bytes(100), b"\x1f\x8b\x08\x00 no archive", b"PK\x05\x06 no archive"]
)
def test_what_is_no_archive_is_refused(place: Path, suffix: str, content: bytes) -> None:
    (place / f"photos{suffix}").write_bytes(content)
    refused(place / f"photos{suffix}")


# --- the published files ---


@pytest.mark.skipif(REAL is None, reason="CONVFF_DATA is not set")
@pytest.mark.parametrize("name", IDX_FILES)
@pytest.mark.parametrize(
    ("dataset", "folder"), [("mnist", "MNIST"), pytest.param("fashion_mnist", "FashionMNIST", marks=pytest.mark.slow)]
)
def test_a_changed_byte_of_a_published_file_is_refused(place: Path, dataset: str, folder: str, name: str) -> None:
    content = published(place, folder, name)
    content[len(content) * 2 // 3] ^= 1
    refused_file(place, dataset, folder, name, content)


@pytest.mark.skipif(REAL is None, reason="CONVFF_DATA is not set")
def test_zeros_of_the_right_length_are_refused(place: Path) -> None:
    content = published(place, "MNIST", IDX_FILES[0])
    content[16:] = 0
    refused_file(place, "mnist", "MNIST", IDX_FILES[0], content)


def published(place: Path, folder: str, name: str) -> np.ndarray:
    """The bytes of a published file; the others are linked to, in their place below `place`."""
    assert REAL is not None
    if not (REAL / folder / "raw").is_dir():
        pytest.skip(f"{folder} is not there")
    (place / folder / "raw").mkdir(parents=True)
    for other in set(IDX_FILES) - {name}:
        (place / folder / "raw" / other).symlink_to(REAL / folder / "raw" / other)
    return np.fromfile(REAL / folder / "raw" / name, np.uint8)


def refused_file(place: Path, dataset: str, folder: str, name: str, content: np.ndarray) -> None:
    content.tofile(place / folder / "raw" / name)
    with pytest.raises(DataError, match=rf"{folder}/raw/{name} differs from the known file: its SHA256 must be"):
        load_dataset(dataset, place)
