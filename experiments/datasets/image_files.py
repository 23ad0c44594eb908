"""Labelled images from a tree `train/<class>/*`, `test/<class>/*`: a folder, or an archive read in memory."""

from collections.abc import Iterable
from functools import partial
from pathlib import Path, PurePosixPath

import torch
from torch import Tensor

from convff import SUFFIXES, class_folders, keyed_generator
from experiments.datasets.archives import Member, read_members
from experiments.datasets.base import DataError, Splits
from experiments.datasets.cache import kept
from experiments.datasets.pixels import Encoding, ImageFile, decode, in_memory, is_colour, on_disk
from experiments.tools.split_folders import LEAST_CLASSES, SPLITS, rename_hint

FORKS = "__MACOSX"  # what the Finder of a Mac adds to a zip archive: no images
LAYOUT = "train/<class>/* and test/<class>/*"

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
    return _read_tree(str(folder), folder_tree(folder), channels, f"{folder.name or folder}/ (image folder")


def read_archive(archive: Path, prefix: str | None = None, channels: int | None = None) -> Splits:
    """Read an archive with members `<prefix>/train/<class>/*` and `<prefix>/test/<class>/*`, like `read_folder`.

    Nothing is unpacked to disk; the decoded images of a large archive are kept, see `experiments.datasets.cache`.

    Args:
        archive: a tar or zip archive, see `experiments/tools/archive_names.py`.
        prefix: the folder inside that holds `train` and `test`, `""` for the top level; None: the top level if they
            are there, else the one folder that holds them.
        channels: see `read_folder`.

    Raises:
        DataError: the archive is broken or hostile (see `read_members`); several folders hold images; or `read_folder`
            would raise.
    """
    return kept(archive, partial(_read_archive, archive, prefix, channels), prefix, channels)


def _read_archive(archive: Path, prefix: str | None, channels: int | None) -> Splits:
    trees = _archive_trees(archive, prefix)
    found = prefix if prefix is not None else only_root(archive, trees)
    where = f"{archive}: {found}" if found else str(archive)
    return _read_tree(where, trees.get(found, {}), channels, f"{archive.name} (archive")


def folder_tree(folder: Path) -> Tree:
    """Return the files in `folder/train/<class>` and `folder/test/<class>`, of both or of one of them."""
    return {
        split: {
            each.name: [on_disk(path) for path in each.iterdir() if is_image(path)]
            for each in class_folders(folder / split)
        }
        for split in SPLITS
        if (folder / split).is_dir()
    }


def _archive_trees(archive: Path, prefix: str | None) -> dict[str, Tree]:
    def is_needed(path: PurePosixPath) -> bool:
        root, _, inside = _place(path)
        return root is not None and prefix in (None, root) and len(inside) == 2 and is_image(path)

    return trees_of(archive, read_members(archive, is_needed), prefix)


def trees_of(archive: Path, members: Iterable[Member], prefix: str | None = None) -> dict[str, Tree]:
    """Return the trees inside, by the folder above `train` and `test`: what `folder_tree` finds if unpacked."""
    trees: dict[str, Tree] = {}
    for member in members:
        root, split, inside = _place(member.path)
        if root is None or root == FORKS or prefix not in (None, root):
            continue
        classes = trees.setdefault(root, {}).setdefault(split, {})
        if (len(inside) > 1 or (inside and member.is_folder)) and not inside[0].startswith("."):
            files = classes.setdefault(inside[0], [])
            if not member.is_folder and len(inside) == 2 and is_image(member.path):
                files.append(in_memory(f"{archive}: {member.path}", member.content))
    return trees


def _place(path: PurePosixPath) -> tuple[str | None, str, tuple[str, ...]]:
    """Return the folder above `train` or `test`, the split, and what follows; None for the folder of other files."""
    for depth, part in enumerate(path.parts[:2]):
        if part in SPLITS:
            return "/".join(path.parts[:depth]), part, path.parts[depth + 1 :]
    return None, "", ()


def only_root(archive: Path, trees: dict[str, Tree]) -> str:
    """Return the folder above `train` and `test`: the top level, or else the only one; "" if there is none."""
    roots = [""] if "" in trees else sorted(root for root in trees if not root.startswith("."))
    if len(roots) > 1:
        raise DataError(
            f"{archive}: {', '.join(f'{root}/' for root in roots[:8])} hold train/ or test/; one folder at most may"
        )
    return roots[0] if roots else ""


def is_image(path: Path | PurePosixPath) -> bool:
    """Return whether a file is named like an image, and not hidden."""
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")


def _read_tree(where: str, tree: Tree, channels: int | None, what: str) -> Splits:
    check_tree(where, tree)
    files = [file for classes in tree.values() for group in classes.values() for file in group]
    if channels is None:
        channels = 3 if any(is_colour(file) for file in files) else 1
    encodings: set[Encoding] = set()
    train = _read_split(tree["train"], channels, encodings)
    test = _read_split(tree["test"], channels, encodings)
    names = tuple(sorted(tree["train"]))
    return Splits(train, test, names, f"{what}, {quality(encodings)})", copy=_kind_of_copy(encodings))


def check_tree(where: str, tree: Tree) -> None:
    """Raise unless there are `train` and `test`, with the same two or more classes, none of them empty."""
    for split in SPLITS:
        classes = tree.get(split)
        if classes is None:
            hint = "".join(f"; {rename_hint(other)}" for other in tree)
            raise DataError(f"{where}: there is no folder {split}/; an image folder holds {LAYOUT}{hint}")
        if len(classes) < LEAST_CLASSES:
            raise DataError(
                f"{where}/{split}: {len(classes)} class folders were found; there must be two or more, one per class; "
                f"{rename_hint(split)}"
            )
        refuse_empty(f"{where}/{split}", classes)
    train, test = set(tree["train"]), set(tree["test"])
    if train != test:
        raise DataError(
            f"{where}: the class folders of train/ and test/ must have the same names; only in train/: "
            f"{_listed(train - test)}; only in test/: {_listed(test - train)}"
        )


def refuse_empty(where: str, classes: dict[str, list[ImageFile]]) -> None:
    """Raise for a class without an image."""
    for name, files in classes.items():
        if not files:
            raise DataError(
                f"{where}/{name}: no image was found; a class folder must hold at least one file ending in "
                f"{', '.join(sorted(SUFFIXES))}"
            )


def _listed(names: set[str]) -> str:
    shown = sorted(names)[:8]
    return ", ".join(shown) + (", ..." if len(names) > len(shown) else "") or "none"


def _kind_of_copy(encodings: set[Encoding]) -> str:
    formats = {each.format for each in encodings}
    if formats == {"WEBP"}:
        return "lossless WebP copy" if all(each.lossless for each in encodings) else "WebP copy"
    return f"{formats.pop()} copy" if formats in ({"JPEG"}, {"PNG"}) else "image copy"


def quality(encodings: set[Encoding]) -> str:
    """Say whether the files keep every pixel, e.g. `"lossless PNG"` or `"lossy JPEG, lossless PNG"`."""
    return ", ".join(f"{'lossless' if each.lossless else 'lossy'} {each.format}" for each in sorted(encodings))


def _read_split(classes: dict[str, list[ImageFile]], channels: int, encodings: set[Encoding]) -> tuple[Tensor, Tensor]:
    """Return all images of one split as uint8 `[N, C, H, W]` and their classes `[N]`, shuffled."""
    files = [
        (file, index)
        for index, name in enumerate(sorted(classes))
        for file in sorted(classes[name], key=lambda file: file.name)
    ]
    # Grouped by class, the last tenth of the files would be a validation set of a single class.
    order = torch.randperm(len(files), generator=keyed_generator(0, "file order")).tolist()
    images = decode([files[i][0] for i in order], channels, encodings)
    return images, torch.tensor([files[i][1] for i in order])
