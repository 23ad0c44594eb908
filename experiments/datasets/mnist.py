"""MNIST: 28x28 gray images in 10 classes, from the four idx files."""

from functools import partial
from pathlib import Path
from typing import Any

from experiments.datasets.base import Dataset
from experiments.datasets.known import KnownDataset, load_known
from experiments.datasets.known_copies import MNIST
from experiments.datasets.torchvision_files import read_idx

FILES = "train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte, t10k-labels-idx1-ubyte"


def _torchvision_class() -> Any:
    from torchvision.datasets import MNIST  # takes seconds

    return MNIST


KNOWN = KnownDataset(
    key="mnist",
    title="MNIST",
    shape=(1, 28, 28),
    num_classes=10,
    counts=(60_000, 10_000),
    folder="MNIST/raw",
    files=FILES,
    read=partial(read_idx, class_names=tuple("0123456789"), copies=MNIST),
    torchvision_class=_torchvision_class,
)


def load(data_dir: Path | None, require: bool) -> Dataset:
    """Load handwritten digits, 60,000 for training and 10,000 for testing.

    See `load_known` for the places that are searched.
    """
    return load_known(KNOWN, data_dir, require)
