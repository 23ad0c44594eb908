"""Where the images of a folder or an archive are: in `train` and `test`, or in class folders alone."""

from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from convff import class_folders
from experiments.datasets.archives import Member, read_members
from experiments.datasets.base import DataError
from experiments.datasets.image_files import (
    FORKS,
    LAYOUT,
    Tree,
    check_tree,
    folder_tree,
    is_image,
    only_root,
    refuse_empty,
    trees_of,
)
from experiments.datasets.pixels import ImageFile, in_memory, on_disk
from experiments.tools.split_folders import LEAST_CLASSES, splits_in

ALL = "all"
"""The one split of a tree of class folders alone."""

DEEPEST = 4  # parts of a path: a folder, train or test, a class, a file
SHOWN = 8


class Found(NamedTuple):
    """What a folder or an archive holds.

    Args:
        where: the folder or archive, for messages.
        tree: the image files by split and class; the splits are `train` and `test`, or `ALL` alone.
        others: the suffixes of other files in the class folders, if there is no `train` and `test`.
    """

    where: str
    tree: Tree
    others: tuple[str, ...] = ()


def in_folder(folder: Path) -> Found:
    """Find the images of a folder.

    Raises:
        DataError: there are no two class folders, one is empty, or `train` and `test` differ in classes.
    """
    if splits_in(folder):
        found = Found(str(folder), folder_tree(folder))
        check_tree(found.where, found.tree)
        return found
    files = {place.name: sorted(place.iterdir()) for place in class_folders(folder)}
    classes = {name: [on_disk(path) for path in paths if is_image(path)] for name, paths in files.items()}
    loose = sum(map(is_image, folder.iterdir())) if folder.is_dir() else 0
    return _of_classes(str(folder), classes, (path for paths in files.values() for path in paths), loose)


def in_archive(archive: Path) -> Found:
    """Find the images of an archive, also below one folder; images are read into memory.

    Raises:
        DataError: the archive is broken or hostile (see `read_members`); several folders hold class folders; or as for
            `in_folder`.
    """
    members = list(read_members(archive, lambda path: len(path.parts) <= DEEPEST and is_image(path)))
    trees = trees_of(archive, members)
    root = only_root(archive, trees)
    if not trees or _is_class(root, trees.get(root, {}), members):
        return _class_folders_in(archive, members)
    found = Found(f"{archive}: {root}" if root else str(archive), trees.get(root, {}))
    check_tree(found.where, found.tree)
    return found


def _is_class(root: str, tree: Tree, members: Iterable[Member]) -> bool:
    """Return whether what is called `train` or `test` is a class, as `splits_in` says of a folder."""
    inside = [(each.path.relative_to(root).parts, each.is_folder) for each in members if each.path.is_relative_to(root)]
    folders = {parts[0] for parts, is_folder in inside if len(parts) > 1 or (parts and is_folder)}
    beside = [name for name in folders if not _hidden(PurePosixPath(name))]
    return len(tree) == 1 and not any(tree.values()) and len(beside) >= LEAST_CLASSES


def _class_folders_in(archive: Path, members: list[Member]) -> Found:
    """Find class folders at the top of an archive, or in its only folder; what is deeper is passed over."""
    files = [each for each in members if not each.is_folder and not _hidden(each.path)]
    images = [each for each in files if is_image(each.path) and len(each.path.parts) in (2, 3)]
    roots = {each.path.parent.parent for each in images}
    if PurePosixPath() in roots or len(roots) < 2:
        root = min(roots, key=lambda path: len(path.parts), default=PurePosixPath())
    else:
        named = ", ".join(f"{root}/" for root in sorted(roots)[:SHOWN])
        raise DataError(f"{archive}: {named} hold folders of images; one folder at most may")
    classes: dict[str, list[ImageFile]] = {}
    for member in members:
        folder = member.path if member.is_folder else member.path.parent
        if folder.parent == root and folder != root and not _hidden(folder):
            group = classes.setdefault(folder.name, [])
            if not member.is_folder and not _hidden(member.path) and is_image(member.path):
                group.append(in_memory(f"{archive}: {member.path}", member.content))
    beside = (each.path for each in files if each.path.parent.parent == root)
    loose = sum(is_image(each.path) and each.path.parent == root for each in files)
    return _of_classes(f"{archive}: {root}" if root.parts else str(archive), classes, beside, loose)


def _hidden(path: PurePosixPath) -> bool:
    return any(part.startswith(".") or part == FORKS for part in path.parts)


def _of_classes(
    where: str, classes: dict[str, list[ImageFile]], files: Iterable[Path | PurePosixPath], loose: int
) -> Found:
    """Return a tree of class folders alone, after a check.

    Args:
        where: the folder or archive, for messages.
        classes: the images of each class.
        files: all files in the class folders.
        loose: number of images beside the class folders.
    """
    if len(classes) < LEAST_CLASSES or not any(classes.values()):
        named = ", ".join(sorted(classes)[:SHOWN]) or "none"
        beside = f"; {loose} images lie beside them, in no class" if loose else ""
        raise DataError(
            f"{where}: there is no folder train/; an image folder holds {LAYOUT}, or two or more class folders "
            f"<class>/* alone, with images in each. Found were {len(classes)}: {named}{beside}"
        )
    refuse_empty(where, classes)
    others = tuple(
        path.suffix.lower() or path.name for path in files if not is_image(path) and not path.name.startswith(".")
    )
    return Found(where, {ALL: classes}, others)
