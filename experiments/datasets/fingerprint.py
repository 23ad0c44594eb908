"""The content of a data set as a checksum: a run stores it, and can tell later whether the data are still the same."""

import hashlib
import json

import numpy as np
from torch import Tensor

from convff import ImageData
from experiments.datasets.base import Dataset


def fingerprint(data: ImageData) -> str:
    """Return the SHA-256 of images, classes and class names, as 64 hexadecimal digits.

    Shapes and dtypes are part of it; the name of the data and their device are not.

    Args:
        data: on any device; contiguous images in main memory are hashed without a copy.

    Example:
        >>> import torch
        >>> images, classes = torch.zeros(2, 1, 8, 8, dtype=torch.uint8), torch.tensor([0, 1])
        >>> first = fingerprint(ImageData(images, classes, ("a", "b"), "toy"))
        >>> first == fingerprint(ImageData(images.clone(), classes, ("a", "b"), "another name"))
        True
        >>> images[1, 0, 7, 7] = 1
        >>> first == fingerprint(ImageData(images, classes, ("a", "b"), "toy"))
        False
    """
    arrays = [_portable(data.images), _portable(data.classes)]
    layout = [[array.dtype.str, array.shape] for array in arrays]
    digest = hashlib.sha256(json.dumps([layout, data.class_names]).encode() + b"\n")
    for array in arrays:
        digest.update(array.reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def fingerprint_of(dataset: Dataset) -> dict[str, str]:
    """Return the fingerprints of the training and the test images, by `"train"` and `"test"`.

    Example:
        >>> import torch
        >>> one = ImageData(torch.zeros(1, 1, 8, 8, dtype=torch.uint8), torch.tensor([1]), ("a", "b"), "toy")
        >>> found = fingerprint_of(Dataset(one, one, source="made up", is_stand_in=False))
        >>> list(found), len(found["train"]), found["train"] == found["test"]
        (['train', 'test'], 64, True)
    """
    return {"train": fingerprint(dataset.train), "test": fingerprint(dataset.test)}


def _portable(tensor: Tensor) -> np.ndarray:
    """Return a contiguous little-endian array, so that every machine hashes the same bytes."""
    array = tensor.detach().cpu().contiguous().numpy()
    return array.astype(array.dtype.newbyteorder("<"), copy=False)
