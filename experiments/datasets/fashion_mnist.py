"""Fashion-MNIST: 28x28 gray images in 10 classes, from the four idx files."""

from functools import partial
from pathlib import Path
from typing import Any

from experiments.datasets.base import Dataset
from experiments.datasets.known import KnownDataset, load_known
from experiments.datasets.known_copies import FASHION_MNIST
from experiments.datasets.torchvision_files import read_idx

# torchvision's own address is plain http, which downloads refuse. The authors' repository offers the same files, which
# torchvision holds to the same checksums.
MIRROR = "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/"
FILES = "train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte, t10k-labels-idx1-ubyte"


def _torchvision_class() -> Any:
    from torchvision.datasets import FashionMNIST  # takes seconds

    return type("FashionMNIST", (FashionMNIST,), {"mirrors": [MIRROR]})


KNOWN = KnownDataset(
    key="fashion_mnist",
    title="Fashion-MNIST",
    shape=(1, 28, 28),
    num_classes=10,
    counts=(60_000, 10_000),
    folder="FashionMNIST/raw",
    files=FILES,
    read=partial(read_idx, copies=FASHION_MNIST),
    torchvision_class=_torchvision_class,
)


def load(data_dir: Path | None, require: bool) -> Dataset:
    """Load pictures of clothing, 60,000 for training and 10,000 for testing.

    See `load_known` for the places that are searched.
    """
    return load_known(KNOWN, data_dir, require)
