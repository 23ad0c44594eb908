"""Images of any size to data of one size: what is too large becomes its middle, smaller, and all that was done is told.

Small images of one size are taken as they are stored. All others go through `read_picture`, which turns photographs as
their EXIF data say, and which also reads what a finished network predicts on.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor
from tqdm import tqdm

from convff import (
    PictureHeader,
    first_of,
    keyed_generator,
    one_size,
    picture_header,
    read_each,
    read_picture,
    stack_pictures,
)
from experiments.datasets.base import DataError, Splits, Wanted
from experiments.datasets.by_content import content_keys, split_by_content
from experiments.datasets.image_files import quality
from experiments.datasets.photo_notes import notes_of, of_shared, of_split, of_test_in_train
from experiments.datasets.photo_trees import ALL, Found
from experiments.datasets.pixels import Encoding, ImageFile, as_stored

SMALL = 96  # pixels per side: images of one size up to this one are taken as they are
USUAL = (64, 64)


class Labelled(NamedTuple):
    """An image file, its split, and the index of its class."""

    file: ImageFile
    split: str
    kind: int


class Target(NamedTuple):
    """What images are to become.

    Args:
        shape: channels, height and width.
        stored: whether they have this size already, and are taken as they are stored.
    """

    shape: tuple[int, int, int]
    stored: bool


def read_found(found: Found, wanted: Wanted, what: str) -> Splits:
    """Read the images of a tree.

    Classes are numbered in the order of their names. Images of `train` and `test` are shuffled, always in the same way;
    those of class folders alone are split by their content.

    Args:
        found: where the images are.
        wanted: how they are to be read.
        what: which files these are, in words, with an open bracket.

    Raises:
        DataError: images cannot be read, and they are not to be skipped; none of a class can be read; they would not
            fit into memory; or a class has too few different ones to be split.
    """
    names = tuple(sorted(next(iter(found.tree.values()))))
    files = _files(found, names)
    read, problems = read_each([each.file for each in files], picture_header)
    _stop_on(problems, wanted)
    headers = [header for _, header in read]
    if not headers:
        raise DataError(f"{found.where}: no image can be read: {first_of(problems.values())}")
    target = target_of(headers, wanted.image_size)
    sound = [files[index] for index, _ in read]
    encodings: set[Encoding] = set()
    images, damaged = _pixels(found.where, sound, headers, target, encodings)
    _stop_on(damaged, wanted)
    kept = [each for index, each in enumerate(sound) if index not in damaged]
    unread = [(files[index], reason) for index, reason in problems.items()]
    unread += [(sound[index], reason) for index, reason in damaged.items()]
    _refuse_emptied(found, names, kept, unread)
    excluded = tuple(reason for _, reason in unread)
    # None is as stored if all have 16 bits, for example.
    formats = quality(encodings) or ", ".join(sorted({header.format for header in headers}))
    splits = _split(found, names, images, kept, target, f"{what}, {formats})")
    if target.stored and ALL not in found.tree and not excluded:
        return splits  # as stored, and as expected: there is nothing else to tell
    headers = [header for index, header in enumerate(headers) if index not in damaged]
    notes = notes_of(headers, len(names), target.shape, excluded, found.others, stored=target.stored)
    return replace(splits, notes=(*notes, *splits.notes), excluded=excluded)


def target_of(headers: Sequence[PictureHeader], image_size: tuple[int, int] | None) -> Target:
    """Decide what images are to become: as they are if small and of one size, else 64 x 64, or what is asked for.

    Args:
        headers: what the images tell of themselves.
        image_size: the height and width that are asked for, if any.

    Example:
        >>> target_of([PictureHeader(32, 32, False, True, "PNG")] * 2, None)
        Target(shape=(1, 32, 32), stored=True)
        >>> target_of([PictureHeader(480, 640, False, False, "JPEG")] * 2, None)
        Target(shape=(3, 64, 64), stored=False)
    """
    channels = 1 if all(header.gray for header in headers) else 3
    size = one_size(headers)
    if image_size is None and size is not None and max(size) <= SMALL:
        return Target((channels, *size), stored=True)
    return Target((channels, *(image_size or USUAL)), stored=False)


def _files(found: Found, names: Sequence[str]) -> list[Labelled]:
    """Return all files, by split and class, and in the order of their names."""
    return [
        Labelled(file, split, kind)
        for split, classes in found.tree.items()
        for kind, name in enumerate(names)
        for file in sorted(classes[name], key=lambda file: file.name)
    ]


def _stop_on(problems: dict[int, str], wanted: Wanted) -> None:
    if problems and not wanted.skip:
        raise DataError(
            f"{first_of(problems.values())}. Every image must be readable to its end; --on-bad-image skip excludes "
            "those that are not"
        )


def _pixels(
    where: str, files: list[Labelled], headers: list[PictureHeader], target: Target, encodings: set[Encoding]
) -> tuple[Tensor, dict[int, str]]:
    """Return images `[N, C, H, W]`, and the reasons why others cannot be read, by index."""
    turned = {each.file.name for each, header in zip(files, headers, strict=True) if header.turned}

    def pixels(file: ImageFile) -> Tensor:
        bar.update()
        if target.stored and file.name not in turned:
            with suppress(DataError):  # of 16 bits, for example
                return as_stored(file, target.shape[0], encodings)
        return read_picture(file, target.shape)

    try:
        with tqdm(total=len(files), unit="image", desc="reading", disable=None, leave=False) as bar:
            return stack_pictures([each.file for each in files], target.shape, pixels)
    except ValueError as error:
        raise DataError(f"{where}: {error}; --image-size N makes them smaller") from error


def _refuse_emptied(
    found: Found, names: Sequence[str], kept: list[Labelled], unread: Sequence[tuple[Labelled, str]]
) -> None:
    """Raise for a class of which no image can be read, with the reasons of its images."""
    left = {(each.split, each.kind) for each in kept}
    for split in found.tree:
        for kind, name in enumerate(names):
            if (split, kind) not in left:
                place = name if split == ALL else f"{split}/{name}"
                reasons = [reason for each, reason in unread if (each.split, each.kind) == (split, kind)]
                raise DataError(f"{found.where}/{place}: no image can be read: {first_of(reasons)}")


def _split(
    found: Found, names: tuple[str, ...], images: Tensor, kept: list[Labelled], target: Target, what: str
) -> Splits:
    """Return the training and test images: those of `train` and `test`, or split by content."""
    kinds = torch.tensor([each.kind for each in kept])
    if ALL in found.tree:
        try:
            parts = split_by_content(content_keys(images), kinds.tolist(), names)
        except ValueError as error:
            raise DataError(f"{found.where}: {error}") from error
        train, test = parts.learn + parts.watch, parts.judge
        held_out, notes = len(parts.watch), (of_split(parts), *of_shared(parts, [each.file.name for each in kept]))
    else:
        train, test = (
            _shuffled([i for i, each in enumerate(kept) if each.split == name]) for name in ("train", "test")
        )
        held_out = None
        notes = of_test_in_train(content_keys(images), train, test)
    to_learn, to_test = ((images[indices], kinds[indices]) for indices in (train, test))
    return Splits(to_learn, to_test, names, what, held_out=held_out, notes=notes, photographs=not target.stored)


def _shuffled(indices: list[int]) -> list[int]:
    # Grouped by class, the last tenth of the files would be a validation set of a single class.
    order = torch.randperm(len(indices), generator=keyed_generator(0, "file order"))
    return [indices[place] for place in order.tolist()]
