"""CIFAR-100: 32x32 RGB images in 100 classes, from torchvision's batches, an image folder or the JPEG archive."""

from pathlib import Path
from typing import Any

from experiments.datasets.base import Dataset
from experiments.datasets.known import KnownDataset, load_known
from experiments.datasets.superclasses import CIFAR100
from experiments.datasets.torchvision_files import read_batches


def _torchvision_class() -> Any:
    from torchvision.datasets import CIFAR100  # takes seconds

    return CIFAR100


KNOWN = KnownDataset(
    key="cifar100",
    title="CIFAR-100",
    shape=(3, 32, 32),
    num_classes=100,
    counts=(50_000, 10_000),
    folder="cifar-100-python",
    files="train, test, meta",
    read=read_batches,
    torchvision_class=_torchvision_class,
    superclasses=CIFAR100,
)


def load(data_dir: Path | None, require: bool) -> Dataset:
    """Load photographs in 100 fine classes, 50,000 for training and 10,000 for testing.

    See `load_known` for the places that are searched.
    """
    return load_known(KNOWN, data_dir, require)
