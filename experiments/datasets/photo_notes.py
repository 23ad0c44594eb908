"""What a run says about the photographs that it found, in sentences."""

from collections import Counter
from collections.abc import Iterable, Sequence

from convff import PictureHeader, first_of
from experiments.datasets.by_content import Parts

SHOWN = 8  # kinds of other files in a sentence


def notes_of(
    headers: Sequence[PictureHeader],
    classes: int,
    shape: tuple[int, int, int],
    excluded: Sequence[str],
    others: Sequence[str],
    *,
    stored: bool,
) -> tuple[str, ...]:
    """Return what was found, and what became of it.

    Args:
        headers: what the images that could be read tell of themselves.
        classes: the number of classes.
        shape: what they became: channels, height and width.
        excluded: images that could not be read, each with its path and the reason.
        others: the suffixes of files that are no images.
        stored: whether they were taken as they are stored.

    Example:
        >>> photo = PictureHeader(3024, 4032, False, False, "JPEG")
        >>> notes_of([photo, photo._replace(turned=True)], 2, (3, 64, 64), (), (), stored=False)[0]
        '2 photographs, 2 classes, 1 size (4032 x 3024), 1 turned by its EXIF data'
    """
    sizes = {(header.height, header.width) for header in headers}
    height, width = max(sizes, key=lambda size: size[0] * size[1])
    turned = sum(header.turned for header in headers)
    words = [
        f"{len(headers) + len(excluded)} {'images' if stored else 'photographs'}",
        f"{classes} classes",
        f"{len(sizes)} sizes (largest {width} x {height})" if len(sizes) > 1 else f"1 size ({width} x {height})",
    ]
    words += [f"{turned} turned by {'its' if turned == 1 else 'their'} EXIF data"] if turned else []
    words += [f"{len(excluded)} unreadable and excluded: {first_of(excluded)}"] if excluded else []
    notes = [", ".join(words)]
    if not stored:
        notes.append(_resizing(sizes, shape))
    gray = sum(header.gray for header in headers)
    if 0 < gray < len(headers):
        notes.append(f"{gray} of them {'is' if gray == 1 else 'are'} gray; all are taken as RGB")
    if others:
        counted = ", ".join(f"{count} {suffix}" for suffix, count in Counter(others).most_common(SHOWN))
        notes.append(f"passed over, because they are no images that can be read: {counted}")
    return tuple(notes)


def _resizing(sizes: Iterable[tuple[int, int]], shape: tuple[int, int, int]) -> str:
    """Say what images became."""
    _, height, width = shape
    enlarged = any(rows < height or columns < width for rows, columns in sizes)
    how = "the middle part, some of them enlarged" if enlarged else "the middle part"
    return f"made {width} x {height} ({how}; --image-size for another size)"


def of_split(parts: Parts) -> str:
    """Say how images were split.

    Example:
        >>> of_split(Parts([0, 1, 2], [3], [4], [], 0))
        '3 to learn from, 1 to watch, 1 to judge by, split by content'
    """
    copies = f", so that copies stay together ({parts.copies} found)" if parts.copies else ""
    counts = f"{len(parts.learn)} to learn from, {len(parts.watch)} to watch, {len(parts.judge)} to judge by"
    return f"{counts}, split by content{copies}"


def of_shared(parts: Parts, names: Sequence[str]) -> tuple[str, ...]:
    """Warn of images that are in several classes.

    Args:
        parts: the parts.
        names: the names of the files.

    Example:
        >>> of_shared(Parts([0, 1], [], [], [[0, 1]], 1), ["a/1.png", "b/1.png"])
        ('warning: the same image in several classes, used to learn from: a/1.png = b/1.png',)
    """
    named = [" = ".join(names[index] for index in group) for group in parts.shared]
    return (f"warning: the same image in several classes, used to learn from: {first_of(named)}",) if named else ()


def of_test_in_train(keys: Sequence[str], train: Iterable[int], test: Iterable[int]) -> tuple[str, ...]:
    """Warn of test images that are also training images.

    Args:
        keys: what the content of each image is known by.
        train: indices of the training images.
        test: indices of the test images.

    Example:
        >>> of_test_in_train(["a", "b", "a"], [0, 1], [2])
        ('warning: 1 of the images in test/ is also in train/',)
    """
    known = {keys[index] for index in train}
    count = sum(keys[index] in known for index in test)
    return (f"warning: {count} of the images in test/ {'is' if count == 1 else 'are'} also in train/",) if count else ()
