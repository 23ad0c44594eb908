"""Which of `train` and `test` a folder of images holds. Imports no torch, so that the command line can ask."""

from pathlib import Path

SPLITS = ("train", "test")
LEAST_CLASSES = 2


def splits_in(folder: Path) -> list[str]:
    """Return which of `train` and `test` a folder holds, with class folders in them.

    One of the two alone, with no folder in it and others beside it, is a class: `bus`, `car`, `train`.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as name:
        ...     for each in ("bus", "car", "train"):
        ...         (Path(name) / each).mkdir()
        ...     few = splits_in(Path(name))
        ...     (Path(name) / "test").mkdir()
        ...     few, splits_in(Path(name))
        ([], ['train', 'test'])
    """
    found = [split for split in SPLITS if (folder / split).is_dir()]
    is_class = len(found) == 1 and not count_folders(folder / found[0]) and count_folders(folder) >= LEAST_CLASSES
    return [] if is_class else found


def count_folders(folder: Path) -> int:
    """Return the number of folders in a folder, without hidden ones.

    Example:
        >>> count_folders(Path(__file__).parent.parent) > 5
        True
    """
    return sum(each.is_dir() and not each.name.startswith((".", "__MACOSX")) for each in folder.iterdir())


def rename_hint(split: str) -> str:
    """Return what to do if `train` or `test` is meant as a class.

    Example:
        >>> rename_hint("train")
        'if train/ is a class, rename it'
    """
    return f"if {split}/ is a class, rename it"
