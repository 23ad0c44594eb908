"""Labelled images from a tree `train/<class>/*`, `test/<class>/*`: a folder, or a tar archive read in memory."""

import io
import lzma
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from convff import keyed_generator
from experiments.datasets.base import DataError, Splits

JPEG_SUFFIXES = frozenset({".jpg", ".jpeg"})
SUFFIXES = JPEG_SUFFIXES | {".png", ".bmp", ".gif", ".pgm", ".ppm", ".tif", ".tiff", ".webp"}
GRAY_MODES = frozenset({"1", "L", "LA"})
COLOUR_MODES = frozenset({"P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr"})
LAYOUT = "train/<class>/* and test/<class>/*"


@dataclass(frozen=True)
class ImageFile:
    """One image file, not yet read: its name for messages, and how to get its bytes."""

    name: str
    read: Callable[[], bytes]


Tree = dict[str, dict[str, list[ImageFile]]]
"""Split to class name to image files; a class without any has an empty list."""


def read_folder(folder: Path, channels: int | None = None) -> Splits:
    """Read the images of `folder/train/<class>/*` and `folder/test/<class>/*`.

    Classes are numbered in the order of their names. Files are shuffled, always in the same way, so that slices mix the
    classes.

    Args:
        folder: holds `train` and `test`.
        channels: 1 or 3 makes all images gray or RGB; None: gray if all are gray, else RGB.

    Raises:
        DataError: a folder is missing or empty, an image is unreadable, sizes or class names differ.
    """
    return _read_tree(str(folder), _folder_tree(folder), channels, what=f"{folder.name or folder}/ (image folder)")


def read_archive(archive: Path, prefix: str, channels: int | None = None) -> Splits:
    """Read a `.tar.xz` archive with members `<prefix>/train/<class>/*`, like `read_folder`.

    Nothing is unpacked to disk.

    Raises:
        DataError: the archive is broken, or `read_folder` would raise.
    """
    try:
        tree = _archive_tree(archive, prefix)
    except (OSError, EOFError, tarfile.TarError, lzma.LZMAError) as error:
        raise DataError(
            f"{archive}: cannot be read to its end ({error}); it must be a complete .tar.xz archive with "
            f"members {prefix}/train/<class>/* and {prefix}/test/<class>/*"
        ) from error
    return _read_tree(f"{archive}: {prefix}", tree, channels, what=archive.name)


def class_folders(folder: Path) -> list[Path]:
    """Return the class folders in one split's folder, sorted by name; empty if there is no such folder.

    Example:
        >>> class_folders(Path("no/such/folder"))
        []
    """
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))


def _folder_tree(folder: Path) -> Tree:
    return {
        split: {
            each.name: [ImageFile(str(path), path.read_bytes) for path in each.iterdir() if _is_image(path)]
            for each in class_folders(folder / split)
        }
        for split in ("train", "test")
        if (folder / split).is_dir()
    }


def _archive_tree(archive: Path, prefix: str) -> Tree:
    tree: Tree = {}
    with lzma.open(archive) as unpacked:
        with tarfile.open(fileobj=unpacked, mode="r:") as members:
            for member in members:
                _add_member(tree, members, member, archive, prefix)
        while unpacked.read(1 << 20):  # the checksum is behind the last member: read to the end to check it
            pass
    return tree


def _add_member(tree: Tree, members: tarfile.TarFile, member: tarfile.TarInfo, archive: Path, prefix: str) -> None:
    path = PurePosixPath(member.name)
    if path.parts[:1] != (prefix,) or path.parts[1:2] not in (("train",), ("test",)):
        return
    split, *inside = path.parts[1:]
    classes = tree.setdefault(split, {})
    if len(inside) > 1 or (inside and member.isdir()):
        files = classes.setdefault(inside[0], [])
        content = members.extractfile(member) if member.isfile() and _is_image(path) else None
        if content is not None:
            files.append(ImageFile(f"{archive}: {path}", io.BytesIO(content.read()).getvalue))


def _is_image(path: Path | PurePosixPath) -> bool:
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")


def _read_tree(where: str, tree: Tree, channels: int | None, what: str) -> Splits:
    _check_tree(where, tree)
    files = [file for classes in tree.values() for group in classes.values() for file in group]
    if channels is None:
        channels = 3 if any(_is_colour(file) for file in files) else 1
    train = _read_split(tree["train"], channels)
    test = _read_split(tree["test"], channels)
    return Splits(train, test, tuple(sorted(tree["train"])), what, copy=_kind_of_copy(files))


def _check_tree(where: str, tree: Tree) -> None:
    for split in ("train", "test"):
        classes = tree.get(split)
        if classes is None:
            raise DataError(f"{where}: there is no folder {split}/; an image folder holds {LAYOUT}")
        if len(classes) < 2:
            raise DataError(
                f"{where}/{split}: {len(classes)} class folders were found; there must be two or more, one per class"
            )
        for name, files in classes.items():
            if not files:
                raise DataError(
                    f"{where}/{split}/{name}: no image was found; a class folder must hold at least one file "
                    f"ending in {', '.join(sorted(SUFFIXES))}"
                )
    train, test = set(tree["train"]), set(tree["test"])
    if train != test:
        raise DataError(
            f"{where}: the class folders of train/ and test/ must have the same names; only in train/: "
            f"{_listed(train - test)}; only in test/: {_listed(test - train)}"
        )


def _listed(names: set[str]) -> str:
    shown = sorted(names)[:8]
    return ", ".join(shown) + (", ..." if len(names) > len(shown) else "") or "none"


def _kind_of_copy(files: list[ImageFile]) -> str:
    suffixes = {PurePosixPath(file.name).suffix.lower() for file in files}
    if suffixes <= JPEG_SUFFIXES:
        return "JPEG copy"
    return "PNG copy" if suffixes == {".png"} else "image copy"


def _read_split(classes: dict[str, list[ImageFile]], channels: int) -> tuple[Tensor, Tensor]:
    """Return all images of one split as uint8 `[N, C, H, W]` and their classes `[N]`, shuffled."""
    files = [
        (file, index)
        for index, name in enumerate(sorted(classes))
        for file in sorted(classes[name], key=lambda file: file.name)
    ]
    # Grouped by class, the last tenth of the files would be a validation set of a single class.
    order = torch.randperm(len(files), generator=keyed_generator(0, "file order")).tolist()
    images = _decode([files[i][0] for i in order], channels)
    return images, torch.tensor([files[i][1] for i in order])


def _decode(files: list[ImageFile], channels: int) -> Tensor:
    first = _pixels(files[0], channels)
    images = np.empty((len(files), *first.shape), np.uint8)
    for index, file in enumerate(files):
        pixels = _pixels(file, channels)
        if pixels.shape != first.shape:
            raise DataError(
                f"{file.name} is {_size(pixels)} pixels and {files[0].name} is {_size(first)}; "
                "all images must have the same size"
            )
        images[index] = pixels
    return torch.from_numpy(images).permute(0, 3, 1, 2).contiguous()


def _size(pixels: np.ndarray) -> str:
    return f"{pixels.shape[1]} x {pixels.shape[0]}"


def _pixels(file: ImageFile, channels: int) -> np.ndarray:
    """Return one image as uint8 `[H, W, C]`."""
    with _opened(file) as image:
        # A palette may carry transparency, which Pillow drops cleanly only by way of RGBA.
        plain = image.convert("RGBA") if image.mode in ("P", "PA") else image
        mode = "L" if channels == 1 else "RGB"
        pixels = np.asarray(plain if plain.mode == mode else plain.convert(mode))
    return pixels.reshape(*pixels.shape[:2], channels)


def _is_colour(file: ImageFile) -> bool:
    with _opened(file) as image:
        return image.mode not in GRAY_MODES


@contextmanager
def _opened(file: ImageFile) -> Iterator[Image.Image]:
    """Open the image of a file; any error while it is open becomes a `DataError` that names the file."""
    try:
        with Image.open(io.BytesIO(file.read())) as image:
            if image.mode not in GRAY_MODES | COLOUR_MODES:
                raise ValueError(f"pixels of mode {image.mode}")
            yield image
    except Exception as error:  # Pillow raises a dozen kinds of exception for broken files
        raise DataError(
            f"{file.name}: cannot be read as an image ({error}); it must be a complete 8-bit gray or colour image"
        ) from error
