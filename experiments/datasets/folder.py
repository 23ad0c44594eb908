"""Any images of one size, from a folder or an archive of `train/<class>/*`, `test/<class>/*`."""

from pathlib import Path

from convff import ImageData
from experiments.datasets.base import DataError, Dataset, Splits
from experiments.datasets.image_files import LAYOUT, read_archive, read_folder
from experiments.tools.archive_names import SUFFIXES, is_archive

WANTED = f"a folder or an archive ({', '.join(SUFFIXES)}) that holds {LAYOUT}"


def load(data_dir: Path | None, require: bool) -> Dataset:
    """Load the images of a folder or an archive: gray if all are gray, else RGB.

    Args:
        data_dir: holds `train/<class>/*` and `test/<class>/*`; in an archive, also below one folder.
        require: ignored, because there is no stand-in for your own images.

    Raises:
        DataError: `data_dir` is None, or neither a folder nor an archive; or its content is broken (see `read_folder`
            and `read_archive`).
    """
    del require
    if data_dir is None:
        raise DataError(f"--dataset folder needs --data-dir, {WANTED} (PNG, JPEG ...)")
    place = data_dir.expanduser().resolve()
    splits = _read(place, data_dir)
    name = f"image {'folder' if place.is_dir() else 'archive'} {place.name}"
    train, test = (ImageData(*part, splits.class_names, name) for part in (splits.train, splits.test))
    return Dataset(train, test, source=f"{splits.what} in --data-dir ({data_dir})", is_stand_in=False)


def _read(place: Path, given: Path) -> Splits:
    if place.is_dir():
        return read_folder(place)
    if place.is_file() and is_archive(place):
        return read_archive(place)
    state = "is neither a folder nor an archive" if place.exists() else "does not exist"
    raise DataError(f"--data-dir {given} {state}; it must be {WANTED}")
