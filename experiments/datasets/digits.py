"""scikit-learn's digits: 1,797 real 8x8 gray images in 10 classes that come with that package."""

from pathlib import Path

import torch

from convff import ImageData
from experiments.datasets.base import Dataset

TRAIN_COUNT = 1_437


def load(data_dir: Path | None, require: bool) -> Dataset:
    """Load the digits, the first 1,437 images for training and the last 360 for testing.

    The images are ordered by writer, and each writer wrote all classes. So the test images have all classes about
    equally often, and other writers than the training images. The images are part of scikit-learn.

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
