"""The files of torchvision's data sets, checked before they are used: torchvision's own errors name no file.

The torchvision class is an argument, so that the same code can read another class of the same form, with other
checksums or another address.
"""

import struct
import warnings
from collections.abc import Sequence
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from experiments.datasets.base import DataError, Splits
from experiments.datasets.known_copies import KnownCopy, recognise


def read_idx(
    torchvision_class: Any, root: Path, class_names: tuple[str, ...] = (), copies: Sequence[KnownCopy] = ()
) -> Splits:
    """Read the four idx files of `torchvision.datasets.MNIST` or one of its relatives.

    The bytes that are checked are those that are used: torchvision would read the files a second time, or take
    `processed/training.pt` instead of them.

    Args:
        torchvision_class: e.g. `torchvision.datasets.MNIST`; names the files and the classes.
        root: the folder that holds `<class name>/raw`.
        class_names: names of the classes; torchvision's own if omitted.
        copies: checksums that the files are held to; none by default.

    Raises:
        DataError: a file is missing, is not an idx file, differs in length from its header, or is of none of the
            copies; or the numbers of images and labels differ.
    """
    folder = root / torchvision_class.__name__ / "raw"
    names = [Path(name).stem for name, _ in torchvision_class.resources]
    _check_all_there(folder, names)
    shapes: dict[str, tuple[int, ...]] = {}
    for images, labels in zip(names[::2], names[1::2], strict=True):
        shapes |= {images: _idx_shape(folder / images, 3), labels: _idx_shape(folder / labels, 1)}
        _check_counts(folder / images, shapes[images][0], folder / labels, shapes[labels][0])
    contents = {name: np.fromfile(folder / name, np.uint8) for name in names}
    note = recognise(folder, contents, copies).what if copies else ""
    train_images, train_labels, test_images, test_labels = (
        torch.from_numpy(contents[name][-prod(shapes[name]) :].reshape(shapes[name])) for name in names
    )
    return Splits(
        (train_images.unsqueeze(1), train_labels.long()),
        (test_images.unsqueeze(1), test_labels.long()),
        class_names or tuple(torchvision_class.classes),
        what=f"{torchvision_class.__name__}/raw (idx files{note and ', ' + note})",
    )


def read_batches(torchvision_class: Any, root: Path) -> Splits:
    """Read the pickled batches of `torchvision.datasets.CIFAR10` or `CIFAR100`.

    Args:
        torchvision_class: e.g. `torchvision.datasets.CIFAR10`.
        root: the folder that holds `torchvision_class.base_folder`.

    Raises:
        DataError: a file is missing or does not have torchvision's checksum.
    """
    folder = root / torchvision_class.base_folder
    checksums = dict([*torchvision_class.train_list, *torchvision_class.test_list])
    checksums[torchvision_class.meta["filename"]] = torchvision_class.meta["md5"]
    _check_all_there(folder, list(checksums))
    try:
        train, test = _open_batches(torchvision_class, root)
    except (RuntimeError, OSError) as error:
        raise DataError(_which_is_broken(folder, checksums, error)) from error
    return Splits(
        (_channels_first(train.data), torch.tensor(train.targets)),
        (_channels_first(test.data), torch.tensor(test.targets)),
        tuple(train.classes),
        what=f"{torchvision_class.base_folder} (torchvision's batches)",
    )


def _check_all_there(folder: Path, names: list[str]) -> None:
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        found = sorted(path.name for path in folder.iterdir())
        raise DataError(
            f"{folder}: {', '.join(missing)} missing; found: {', '.join(found[:12]) or 'nothing'}; "
            f"all files must be there, unpacked: {', '.join(names)}"
        )


def _check_counts(images: Path, image_count: int, labels: Path, label_count: int) -> None:
    if image_count != label_count:
        raise DataError(
            f"{labels}: {label_count:,} labels were found for the {image_count:,} images of {images.name}; "
            "there must be one label per image"
        )


def _idx_shape(path: Path, ndim: int) -> tuple[int, ...]:
    """Return the sizes in the header of an idx file of bytes, after a check against the length of the file."""
    with path.open("rb") as file:
        header = file.read(4 * (ndim + 1))
    magic = 0x0800 + ndim  # 08: unsigned bytes
    if len(header) < 4 * (ndim + 1) or int.from_bytes(header[:4], "big") != magic:
        raise DataError(
            f"{path}: begins with {header[:4].hex(' ') or 'nothing'}; an idx file of unsigned bytes in "
            f"{ndim} dimensions begins with {magic.to_bytes(4, 'big').hex(' ')} and {ndim} sizes"
        )
    sizes = struct.unpack(f">{ndim}I", header[4:])
    expected, found = len(header) + prod(sizes), path.stat().st_size
    if found != expected or not prod(sizes):
        raise DataError(
            f"{path}: the file has {found:,} bytes, but its header says {' x '.join(map(str, sizes))}, which is "
            f"{expected:,} bytes; both must agree and hold at least one item (a download cut short?)"
        )
    return sizes


def _open_batches(torchvision_class: Any, root: Path) -> tuple[Any, Any]:
    with warnings.catch_warnings():
        # The official files were pickled by a numpy so old that today's complains about them.
        warnings.simplefilter("ignore", np.exceptions.VisibleDeprecationWarning)
        return torchvision_class(root, train=True), torchvision_class(root, train=False)


def _which_is_broken(folder: Path, checksums: dict[str, str], error: Exception) -> str:
    from torchvision.datasets.utils import check_integrity  # slow to import, for an error only

    broken = [name for name, md5 in checksums.items() if not check_integrity(folder / name, md5)]
    sizes = ", ".join(f"{name} ({(folder / name).stat().st_size:,} bytes)" for name in broken)
    return (
        f"{folder}: {sizes or 'files'} cannot be used ({error}); they must be the official files, with torchvision's "
        "MD5 checksums: unpack the archive again, or give other images as an image folder"
    )


def _channels_first(images: np.ndarray) -> Tensor:
    return torch.from_numpy(images).permute(0, 3, 1, 2).contiguous()
