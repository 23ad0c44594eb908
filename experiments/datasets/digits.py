"""scikit-learn's digits: 1,797 real 8x8 gray images in 10 classes that come with that package."""

from pathlib import Path

import torch

from convff import ImageData
from experiments.datasets.base import Dataset

TRAIN_COUNT = 1_437


def load(data_dir: Path | None, require: bool) -> Dataset:
    """The first 1,437 images to learn from, the last 360 to test on.

    The images come in the order of their writers, who wrote the classes evenly: so the test holds
    every class about equally, and other writers than the training. Nothing is looked for on disk.

    Example:
        >>> digits = load(None, False)
        >>> len(digits.train), len(digits.test), digits.train.shape
        (1437, 360, (1, 8, 8))
    """
    del data_dir, require
    from sklearn.datasets import load_digits  # takes a second

    digits = load_digits()
    images = torch.from_numpy(digits.images / 16 * 255).round().to(torch.uint8).unsqueeze(1)
    data = ImageData(images, torch.from_numpy(digits.target).long(), tuple("0123456789"), "scikit-learn digits")
    return Dataset(
        data.part(None, TRAIN_COUNT),
        data.part(TRAIN_COUNT, None),
        source="the digits that come with scikit-learn",
        is_stand_in=False,
    )
