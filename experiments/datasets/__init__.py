"""The data sets of the experiments, by name.

To add one, write a file with a function `load(data_dir, require) -> Dataset` and give it a row in
`DATASETS`. A data set that torchvision knows needs only a `KnownDataset` there, like `mnist.py`.
"""

from pathlib import Path

from experiments.datasets import cifar10, cifar100, digits, fashion_mnist, folder, mnist, stand_in
from experiments.datasets.base import DataError, Dataset, Loader, Wanted

__all__ = ["DATASETS", "DataError", "Dataset", "Loader", "Wanted", "load_dataset"]

DATASETS: dict[str, Loader] = {
    "mnist": mnist.load,
    "fashion_mnist": fashion_mnist.load,
    "cifar10": cifar10.load,
    "cifar100": cifar100.load,
    "folder": folder.load,
    "digits": digits.load,
    "stand_in": stand_in.load,
}


def load_dataset(name: str, data_dir: Path | None, *, require: bool = False, wanted: Wanted | None = None) -> Dataset:
    """Load a data set: from `data_dir`, or else `$CONVFF_DATA`, `./data` or a download, or else a stand-in.

    Args:
        name: a key of `DATASETS`.
        data_dir: folder of the data; if given, no other place is searched and there is no stand-in.
        require: refuse a stand-in for real data.
        wanted: how images of one's own are to be read; the images of all other data sets have a size of their own.

    Returns:
        Images as uint8 `[N, C, H, W]`, all in memory. `is_stand_in` tells whether they are drawn.

    Raises:
        DataError: the name is unknown; the data are broken; they are not in `data_dir`; or they cannot be found and
            `require` is set.

    Example:
        >>> load_dataset("digits", None).train.num_classes
        10
    """
    if name not in DATASETS:
        raise DataError(f"there is no data set {name!r}; known are {', '.join(DATASETS)}")
    if wanted is not None and name == "folder":
        return folder.load(data_dir, require, wanted)
    return DATASETS[name](data_dir, require)
