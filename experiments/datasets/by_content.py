"""Images split by their content: copies stay together, and neither names nor the order of files have any effect."""

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor

WATCHED = 0.15  # of the different images of each class: they watch the training
JUDGING = 0.15
LEAST = 2  # different images per class


class Parts(NamedTuple):
    """Indices of the images of each part, in an order that mixes the classes.

    Args:
        learn: to learn from.
        watch: held out, for the learning curve and for choices.
        judge: to judge by.
        shared: groups of images with the same content in several classes; they are all in `learn`.
        copies: number of images whose content is that of another one.
    """

    learn: list[int]
    watch: list[int]
    judge: list[int]
    shared: list[list[int]]
    copies: int


def content_keys(images: Tensor) -> list[str]:
    """Return the SHA-256 of the pixels of each image `[N, C, H, W]`.

    Example:
        >>> import torch
        >>> first, second, third = content_keys(torch.tensor([0, 0, 1], dtype=torch.uint8).view(3, 1, 1, 1))
        >>> first == second, first == third
        (True, False)
    """
    return [hashlib.sha256(image.contiguous().numpy().tobytes()).hexdigest() for image in images]


def split_by_content(keys: Sequence[str], classes: Sequence[int], names: Sequence[str]) -> Parts:
    """Split images into 70 % to learn from, 15 % to watch and 15 % to judge by, of each class.

    The different images of each class are put in the order of their keys; the first are to judge, the next to watch.
    At least one is to judge, and of three or more at least one to watch. What is in several classes is never to judge
    or to watch: no answer would be right.

    Args:
        keys: what the content of each image is known by.
        classes: the class of each image.
        names: the class names.

    Raises:
        ValueError: a class has fewer than two different images of its own.

    Example:
        >>> parts = split_by_content([*"abcde", *"fghij"], [0] * 5 + [1] * 5, ("cat", "dog"))
        >>> parts.learn, parts.watch, parts.judge
        ([2, 3, 4, 7, 8, 9], [1, 6], [0, 5])
    """
    groups: dict[str, list[int]] = defaultdict(list)
    for index, key in enumerate(keys):
        groups[key].append(index)
    of_class: dict[int, list[str]] = {kind: [] for kind in range(len(names))}
    shared = []
    for key in sorted(groups):
        kinds = {classes[index] for index in groups[key]}
        if len(kinds) > 1:
            shared.append(key)
        else:
            of_class[kinds.pop()].append(key)
    judge: set[str] = set()
    watch: set[str] = set()
    for kind, own in of_class.items():
        if len(own) < LEAST:
            raise ValueError(
                f"class {names[kind]} has {len(own)} different images of its own; at least {LEAST} are needed, one to "
                "learn from and one to judge by"
            )
        judged = max(1, round(JUDGING * len(own)))
        watched = max(1, round(WATCHED * len(own))) if len(own) > LEAST else 0
        judge.update(own[:judged])
        watch.update(own[judged : judged + watched])
    parts: tuple[list[int], list[int], list[int]] = ([], [], [])
    for key in sorted(groups):
        part = parts[2] if key in judge else parts[1] if key in watch else parts[0]
        part += sorted(groups[key], key=lambda index: classes[index])
    return Parts(*parts, [groups[key] for key in shared], len(keys) - len(groups))
