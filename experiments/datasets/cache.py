"""Decoded images of large archives, kept for the next run: unpacking 55,000 images takes 20 seconds or more.

Kept files are verified by a digest of all their bytes when they are read. Their names depend on the content of the
archive, so a changed archive is read anew.
"""

import contextlib
import hashlib
import os
from collections.abc import Callable
from pathlib import Path

from convff import load_tensors, save_tensors
from experiments.datasets.base import Splits

ENVIRONMENT = "CONVFF_CACHE"
LEAST_IMAGES = 10_000  # fewer are decoded in a second or two
KIND = "images"
VERSION = "1"  # of what is made of an archive: another version reads all archives anew


def kept(archive: Path, read: Callable[[], Splits], *options: object) -> Splits:
    """Return what `read` gives, from the file of an earlier call if there is one.

    Images are kept in `$CONVFF_CACHE`, or else `$XDG_CACHE_HOME/convff`, or else `~/.cache/convff`. An empty
    `$CONVFF_CACHE` keeps nothing. A kept file that is damaged is made anew; where nothing can be written, nothing is
    kept.

    Args:
        archive: the file that `read` reads.
        read: reads and checks the archive.
        options: everything else that the result depends on, of what `repr` tells apart.

    Example:
        >>> import tempfile, torch
        >>> part = torch.zeros(3, 1, 2, 2, dtype=torch.uint8), torch.tensor([0, 1, 0])
        >>> splits = Splits(part, part, ("a", "b"), "toy.zip")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     archive = Path(folder) / "toy.zip"
        ...     _ = archive.write_bytes(b"...")
        ...     kept(archive, lambda: splits) is splits
        True
    """
    folder = _folder()
    if folder is None:
        return read()
    with archive.open("rb") as file:
        content = hashlib.file_digest(file, "sha256").hexdigest()
    key = hashlib.sha256(repr((VERSION, archive.name, content, options)).encode()).hexdigest()
    path = folder / f"{key[:32]}.safetensors"
    try:
        return _load(path)
    except (OSError, ValueError, LookupError, TypeError):
        splits = read()
    if len(splits.train[0]) + len(splits.test[0]) >= LEAST_IMAGES:
        with contextlib.suppress(OSError):  # a full disk, or a home that cannot be written to
            folder.mkdir(parents=True, exist_ok=True)
            _save(path, splits)
    return splits


def _folder() -> Path | None:
    named = os.environ.get(ENVIRONMENT)
    if named is not None:
        return Path(named).expanduser() if named else None
    home = os.environ.get("XDG_CACHE_HOME")
    try:
        return (Path(home) if home else Path.home() / ".cache") / "convff"
    except RuntimeError:  # nobody's home
        return None


def _save(path: Path, splits: Splits) -> None:
    parts = {"train": splits.train, "test": splits.test}
    tensors = {f"{name}.{kind}": t for name, part in parts.items() for kind, t in zip(("x", "y"), part, strict=True)}
    names = ("class_names", "what", "copy", "held_out", "notes", "excluded", "photographs")
    about = {name: getattr(splits, name) for name in names}
    save_tensors(path, tensors, about, kind=KIND)


def _load(path: Path) -> Splits:
    tensors, about = load_tensors(path, kind=KIND)
    train, test = ((tensors[f"{name}.x"], tensors[f"{name}.y"]) for name in ("train", "test"))
    lists = {name: tuple(about[name]) for name in ("class_names", "notes", "excluded")}
    return Splits(train, test, **(about | lists))
