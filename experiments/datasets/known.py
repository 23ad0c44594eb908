"""Where a known data set is searched for, and what replaces it if it is nowhere."""

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from convff import ImageData, class_folders
from experiments.datasets.base import DataError, Dataset, Splits
from experiments.datasets.download import fetch
from experiments.datasets.image_files import read_archive, read_folder
from experiments.datasets.stand_in import stand_in_for
from experiments.datasets.superclasses import superclasses_of
from experiments.tools.archive_names import SUFFIXES, is_archive

ENVIRONMENT = "CONVFF_DATA"
LOCAL = Path("data")


@dataclass(frozen=True)
class KnownDataset:
    """A published data set and how it is recognised on disk.

    Args:
        key: its name in `DATASETS` and the name of its image folder, e.g. `"cifar10"`.
        title: its name in reports, e.g. `"CIFAR-10"`.
        shape: channels, height and width of every image.
        num_classes: the number of classes.
        counts: the official numbers of training and test images; reports name a different number.
        folder: the folder that torchvision keeps it in, e.g. `"cifar-10-batches-py"`.
        files: the files in that folder, in words.
        read: `(torchvision class, root) -> Splits` for that folder.
        torchvision_class: returns the class; a function, because importing torchvision takes seconds.
        superclasses: the classes of each superclass, by name; None if there are none.
    """

    key: str
    title: str
    shape: tuple[int, int, int]
    num_classes: int
    counts: tuple[int, int]
    folder: str
    files: str
    read: Callable[[Any, Path], Splits]
    torchvision_class: Callable[[], Any]
    superclasses: Mapping[str, tuple[str, ...]] | None = None


def load_known(known: KnownDataset, data_dir: Path | None, require: bool) -> Dataset:
    """Load the data set from `data_dir`, or else from `$CONVFF_DATA`, `./data` or a download, or else the stand-in.

    Raises:
        DataError: the data are broken; or `data_dir` is given and does not hold them; or they cannot be found and
            `require` is set.
    """
    if data_dir is not None:
        found = find(known, data_dir, "--data-dir")
        if found is None:
            raise DataError(f"--data-dir {_contents(data_dir)}; {_wanted(known)}")
        return found
    tried = []
    for label, place in places():
        found = find(known, place, label)
        if found is not None:
            return found
        tried.append(f"{label} {_contents(place)}")
    failure = fetch(known.torchvision_class(), known.folder, LOCAL)
    # Even after a failure: another process may have downloaded them first.
    found = find(known, LOCAL, "./data" if failure else "./data, downloaded")
    if found is not None:
        return found
    tried.append(f"download by torchvision: {failure or 'found nothing'}")
    if require:
        raise DataError(f"{known.title} cannot be found. Tried: {'; '.join(tried)}. {_wanted(known)}")
    return stand_in_for(known.title, known.shape, known.num_classes, reason=f"tried {'; '.join(tried)}")


def find(known: KnownDataset, place: Path, label: str) -> Dataset | None:
    """Return the data set if `place` holds it in one of its known forms, else None.

    Args:
        known: what to look for.
        place: a folder, or an archive; it need not exist.
        label: how the place was given, for the report, e.g. `"--data-dir"`.

    Raises:
        DataError: it is there, but broken or with another shape or number of classes.
    """
    splits = _read_any_form(known, place.expanduser())
    return None if splits is None else _named(known, splits, f"{splits.what} in {label} ({place})")


def places() -> Iterator[tuple[str, Path]]:
    """Yield the places that are searched where `--data-dir` is not given, in their order, each as it is named.

    Example:
        >>> [label for label, _ in places()][-1]
        './data'
    """
    named = os.environ.get(ENVIRONMENT)
    if named:
        yield f"${ENVIRONMENT}", Path(named)
    yield "./data", LOCAL


def _read_any_form(known: KnownDataset, place: Path) -> Splits | None:
    channels = known.shape[0]
    if (place / known.folder).is_dir() and any((place / known.folder).iterdir()):
        return known.read(known.torchvision_class(), place)
    if any((place / known.key / split).is_dir() for split in ("train", "test")):
        return read_folder(place / known.key, channels)
    if place.is_file() and is_archive(place):
        return read_archive(place, None, channels)
    for name in _archives(known):
        if (place / name).is_file():
            return read_archive(place / name, None, channels)
    # A bare train/ and test/ has no name: it is taken for this data set if the number of classes fits.
    if known.num_classes in (len(class_folders(place / split)) for split in ("train", "test")):
        return read_folder(place, channels)
    return None


def _archives(known: KnownDataset) -> list[str]:
    """Return the names of archives in the order in which they are looked for: copies without loss first."""
    return [f"{known.key}{copy}{suffix}" for copy in ("", "-jpeg") for suffix in SUFFIXES]


def _named(known: KnownDataset, splits: Splits, source: str) -> Dataset:
    name = _name(known, splits)
    superclasses = None if known.superclasses is None else superclasses_of(splits.class_names, known.superclasses)
    train, test = (_image_data(splits, part, name, source, superclasses) for part in (splits.train, splits.test))
    for data in (train, test):
        if (data.shape, data.num_classes) != (known.shape, known.num_classes):
            raise DataError(
                f"{source}: images of {data.shape} in {data.num_classes} classes were found; {known.title} has "
                f"images of {known.shape} in {known.num_classes} classes (other images: --dataset folder)"
            )
    return Dataset(train, test, source, is_stand_in=False)


def _image_data(
    splits: Splits, part: tuple[Tensor, Tensor], name: str, source: str, superclasses: tuple[int, ...] | None
) -> ImageData:
    try:
        return ImageData(*part, splits.class_names, name, superclasses)
    except (TypeError, ValueError) as error:
        raise DataError(f"{source}: {error}") from error


def _name(known: KnownDataset, splits: Splits) -> str:
    """Return the title, with all differences that keep scores from being comparable with published ones."""
    counts = (len(splits.train[0]), len(splits.test[0]))
    notes = [splits.copy] if splits.copy else []
    notes += [
        f"{count:,} {split} images"
        for split, count, official in zip(("training", "test"), counts, known.counts, strict=True)
        if count != official
    ]
    return f"{known.title} ({', '.join(notes)})" if notes else known.title


def _contents(place: Path) -> str:
    """Describe a place and its content, for an error message."""
    folder = place.expanduser()
    if not folder.is_dir():
        return f"({place}): {'is not a folder' if folder.exists() else 'does not exist'}"
    names = sorted(path.name + "/" * path.is_dir() for path in folder.iterdir())
    return f"({place}): holds {', '.join(names[:8]) + ', ...' * (len(names) > 8) if names else 'nothing'}"


def _wanted(known: KnownDataset) -> str:
    return (
        f"{known.title} is recognised by {known.folder}/ ({known.files}); or {known.key}/train/<class>/* and "
        f"{known.key}/test/<class>/* (PNG, JPEG ...); or {known.key}.zip, {known.key}.tar.xz, {known.key}-jpeg.tar.xz "
        "... (such a folder, packed); or train/ and "
        f"test/ right in the folder, with {known.num_classes} class folders each"
    )
