"""Checksums of the extracted files of MNIST and Fashion-MNIST, so that they are recognised by content, not by name.

torchvision knows checksums of the packed files only: of the extracted ones it asks just that they exist.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from experiments.datasets.base import DataError

TRAIN_IMAGES, TRAIN_LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
TEST_IMAGES, TEST_LABELS = "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"


@dataclass(frozen=True)
class KnownCopy:
    """Files that belong together.

    Args:
        checksums: file name to `"<algorithm>:<hexadecimal digits>"`.
        what: how the files differ from the published ones, for the report; empty for the published ones.
    """

    checksums: Mapping[str, str]
    what: str = ""


MNIST = (
    KnownCopy(
        {
            TRAIN_IMAGES: "sha256:ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            TRAIN_LABELS: "sha256:65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            TEST_IMAGES: "sha256:0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            TEST_LABELS: "sha256:ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        }
    ),
)

FASHION_MNIST = (
    # Published for the extracted files as MD5 only. The first training label of the published order is 9.
    KnownCopy(
        {
            TRAIN_IMAGES: "md5:f4a8712d7a061bf5bd6d2ca38dc4d50a",
            TRAIN_LABELS: "md5:9018921c3c673c538a1fc5bad174d6f9",
            TEST_IMAGES: "md5:8181f5470baa50b63fa0f6fddb340f0a",
            TEST_LABELS: "md5:15d484375f8d13e6eb1aabb0c3f46965",
        }
    ),
    # The copy that the results in this repository come from. Its first training label is 0; counts, class balance, mean
    # and deviation of the pixels are those of the published files.
    KnownCopy(
        {
            TRAIN_IMAGES: "sha256:9fff5efa9144debe7134e5b10dfd1976575d4938d5e4dfa232c2f9ef638d0f0d",
            TRAIN_LABELS: "sha256:7cd88f551e93510030f93325e39e5d8112c932e2d6d2b1fde7ead816545ae184",
            TEST_IMAGES: "sha256:64171f26c6962db16670612e300d198569661d5f2ab7a69419a3d68e7ff181d7",
            TEST_LABELS: "sha256:59df6c6ad638dc43879f10a8c5b516aabdcef4f924ba14410bf8aec5e518b1c4",
        },
        what="a copy in another order than the published one",
    ),
)


def recognise(folder: Path, contents: Mapping[str, np.ndarray], copies: Sequence[KnownCopy]) -> KnownCopy:
    """Return the copy that all files belong to.

    The files of two copies are never mixed: images in one order with labels in another would train without an error.

    Args:
        folder: holds the files, for the message.
        contents: file name to all bytes of the file, uint8 `[length]`.
        copies: at least one; the first is named as the expected one if none is close.

    Raises:
        DataError: the files are of no copy. The message names those that differ from the closest one.

    Example:
        >>> copy = KnownCopy({"a": "md5:0cc175b9c0f1b6a831c399e269772661"}, what="toy")
        >>> recognise(Path("data"), {"a": np.frombuffer(b"a", np.uint8)}, [copy]).what
        'toy'
    """
    differing = [
        [name for name in copy.checksums if not _fits(contents[name], copy.checksums[name])] for copy in copies
    ]
    copy, names = min(zip(copies, differing, strict=True), key=lambda pair: len(pair[1]))
    if not names:
        return copy
    algorithm, expected = _parts(copy.checksums[names[0]])
    others = f" (so do {', '.join(names[1:])} beside it)" if names[1:] else ""
    raise DataError(
        f"{folder / names[0]} differs from the known file{others}: its {algorithm.upper()} must be {expected}, got "
        f"{_digest(contents[names[0]], algorithm)}; unpack the published files again, or give other images as an image "
        "folder (--dataset folder)"
    )


def _fits(content: np.ndarray, checksum: str) -> bool:
    algorithm, expected = _parts(checksum)
    return _digest(content, algorithm) == expected


def _parts(checksum: str) -> tuple[str, str]:
    algorithm, _, expected = checksum.partition(":")
    return algorithm, expected


def _digest(content: np.ndarray, algorithm: str) -> str:
    # MD5 guards against damage here, as in torchvision; machines in FIPS mode allow it for that alone.
    return hashlib.new(algorithm, content.data, usedforsecurity=False).hexdigest()
