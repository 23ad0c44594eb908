"""CIFAR-10: 32x32 RGB images in 10 classes, from torchvision's batches, an image folder or the JPEG archive."""

from pathlib import Path
from typing import Any

from experiments.datasets.base import Dataset
from experiments.datasets.known import KnownDataset, load_known
from experiments.datasets.torchvision_files import read_batches


def _torchvision_class() -> Any:
    from torchvision.datasets import CIFAR10  # takes seconds

    return CIFAR10


KNOWN = KnownDataset(
    key="cifar10",
    title="CIFAR-10",
    shape=(3, 32, 32),
    num_classes=10,
    counts=(50_000, 10_000),
    folder="cifar-10-batches-py",
    files="data_batch_1 to data_batch_5, test_batch, batches.meta",
    read=read_batches,
    torchvision_class=_torchvision_class,
)


def load(data_dir: Path | None, require: bool) -> Dataset:
    """Load photographs of animals and vehicles, 50,000 for training and 10,000 for testing.

    See `load_known` for the places that are searched.
    """
    return load_known(KNOWN, data_dir, require)
