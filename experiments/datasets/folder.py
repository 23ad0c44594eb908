"""Images of one's own, from a folder or an archive: `train/<class>/*` and `test/<class>/*`, or `<class>/*` alone."""

from functools import partial
from pathlib import Path

from convff import ImageData
from experiments.datasets.base import DataError, Dataset, Splits, Wanted
from experiments.datasets.cache import kept
from experiments.datasets.image_files import LAYOUT
from experiments.datasets.photo_trees import in_archive, in_folder
from experiments.datasets.photographs import read_found
from experiments.tools.archive_names import SUFFIXES, is_archive

WANTED = f"a folder or an archive ({', '.join(SUFFIXES)}) that holds {LAYOUT}, or <class>/* alone"
PLAIN = Wanted()


def load(data_dir: Path | None, require: bool, wanted: Wanted = PLAIN) -> Dataset:
    """Load the images of a folder or an archive: gray if all are gray, else RGB.

    Args:
        data_dir: holds `train/<class>/*` and `test/<class>/*`, or `<class>/*` alone, which is then split by content; in
            an archive, also below one folder.
        require: ignored, because there is no stand-in for your own images.
        wanted: how images are to be read.

    Raises:
        DataError: `data_dir` is None, or neither a folder nor an archive; or its content is broken (see `in_folder`,
            `in_archive` and `read_found`).
    """
    del require
    if data_dir is None:
        raise DataError(f"--dataset folder needs --data-dir, {WANTED} (PNG, JPEG ...)")
    place = data_dir.expanduser().resolve()
    splits = _read(place, data_dir, wanted)
    name = f"image {'folder' if place.is_dir() else 'archive'} {place.name}"
    train, test = (ImageData(*part, splits.class_names, name) for part in (splits.train, splits.test))
    return Dataset(
        train,
        test,
        source=f"{splits.what} in --data-dir ({data_dir})",
        is_stand_in=False,
        held_out=splits.held_out,
        notes=splits.notes,
        excluded=splits.excluded,
        photographs=splits.photographs,
    )


def _read(place: Path, given: Path, wanted: Wanted) -> Splits:
    if place.is_dir():
        return read_found(in_folder(place), wanted, f"{place.name or place}/ (image folder")
    if place.is_file() and is_archive(place):
        return kept(place, partial(_read_archive, place, wanted), "photographs", wanted)
    state = "is neither a folder nor an archive" if place.exists() else "does not exist"
    raise DataError(f"--data-dir {given} {state}; it must be {WANTED}")


def _read_archive(archive: Path, wanted: Wanted) -> Splits:
    return read_found(in_archive(archive), wanted, f"{archive.name} (archive")
