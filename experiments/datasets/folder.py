"""Any images of one size, from a folder `train/<class>/*`, `test/<class>/*`."""

from pathlib import Path

from convff import ImageData
from experiments.datasets.base import DataError, Dataset
from experiments.datasets.image_files import LAYOUT, read_folder


def load(data_dir: Path | None, require: bool) -> Dataset:
    """Load the images of a folder: gray if all are gray, else RGB.

    Args:
        data_dir: holds `train/<class>/*` and `test/<class>/*`.
        require: ignored, because there is no stand-in for your own images.

    Raises:
        DataError: `data_dir` is None or not a folder, or its content is broken (see `read_folder`).
    """
    del require
    if data_dir is None:
        raise DataError(f"--dataset folder needs --data-dir, a folder that holds {LAYOUT} (PNG, JPEG ...)")
    folder = data_dir.expanduser().resolve()
    if not folder.is_dir():
        raise DataError(
            f"--data-dir {data_dir} {'is not a folder' if folder.exists() else 'does not exist'}; "
            f"it must be a folder that holds {LAYOUT}"
        )
    splits = read_folder(folder)
    name = f"image folder {folder.name}"
    train, test = (ImageData(*part, splits.class_names, name) for part in (splits.train, splits.test))
    return Dataset(train, test, source=f"{LAYOUT} in --data-dir ({data_dir})", is_stand_in=False)
