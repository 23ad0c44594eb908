"""The split by content: in the right shares, whatever the order of the images, with copies in one part."""

import hashlib

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from experiments.datasets.by_content import Parts, content_keys, split_by_content

NAMES = ("ant", "bee", "cow")


def parts_of(keys: list[str], classes: list[int]) -> dict[str, set[str]]:
    """The content in each part."""
    parts = split_by_content(keys, classes, NAMES)
    return {name: {keys[i] for i in getattr(parts, name)} for name in ("learn", "watch", "judge")}


def made(counts: tuple[int, int, int]) -> tuple[list[str], list[int]]:
    """Different images of each class, by keys that are as random as digests."""
    pairs = [
        (hashlib.sha256(f"{kind} {i}".encode()).hexdigest(), kind) for kind in range(3) for i in range(counts[kind])
    ]
    return [key for key, _ in pairs], [kind for _, kind in pairs]


def test_the_shares_of_each_class() -> None:
    keys, classes = made((134, 21, 2))
    parts = split_by_content(keys, classes, NAMES)
    counted = [[sum(classes[i] == kind for i in part) for kind in range(3)] for part in parts[:3]]
    assert counted == [[94, 15, 1], [20, 3, 0], [20, 3, 1]]  # 15 % are 20.1 and 3.15
    assert sorted([*parts.learn, *parts.watch, *parts.judge]) == list(range(157))
    assert (parts.shared, parts.copies) == ([], 0)


def test_classes_are_mixed() -> None:
    keys, classes = made((60, 60, 60))
    learn = split_by_content(keys, classes, NAMES).learn
    for start in range(0, 100, 25):
        assert {classes[i] for i in learn[start : start + 25]} == {0, 1, 2}


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_neither_order_nor_copies_change_the_split(data: st.DataObject) -> None:
    keys, classes = made((9, 12, 15))
    before = parts_of(keys, classes)
    again = data.draw(st.lists(st.integers(0, len(keys) - 1), max_size=8))
    order = data.draw(st.permutations([*range(len(keys)), *again]))
    shuffled = parts_of([keys[i] for i in order], [classes[i] for i in order])
    assert shuffled == before
    parts = split_by_content([keys[i] for i in order], [classes[i] for i in order], NAMES)
    assert parts.copies == len(again)
    assert len(parts.learn) + len(parts.watch) + len(parts.judge) == len(order)


def test_one_more_image_moves_few_others() -> None:
    keys, classes = made((40, 40, 40))
    before, after = parts_of(keys, classes), parts_of([*keys, "0" * 64], [*classes, 0])
    moved = sum(len(before[name] - after[name]) for name in before)
    assert moved <= 2


def test_what_is_in_two_classes_is_learnt_from() -> None:
    keys, classes = made((5, 5, 5))
    for low in ("0", "f"):  # wherever it is in the order of the keys
        parts = split_by_content([*keys, low, low], [*classes, 0, 2], NAMES)
        assert parts.shared == [[15, 16]]
        assert {15, 16} <= set(parts.learn)


@pytest.mark.parametrize(
    ("keys", "classes"),
    [
        (list("abcdeff"), [0, 0, 1, 1, 2, 2, 2][:7]),  # fine: e and f
        (list("abcdeee"), [0, 0, 1, 1, 2, 2, 2]),  # three copies
        (list("abcde"), [0, 0, 1, 1, 2]),
        (list("abcdea"), [0, 0, 1, 1, 2, 2]),  # one of them is of another class, too
    ],
)
def test_a_class_needs_two_different_images(keys: list[str], classes: list[int]) -> None:
    if "f" in keys:
        assert isinstance(split_by_content(keys, classes, NAMES), Parts)
        return
    with pytest.raises(ValueError, match=r"class (cow|ant) has 1 different images of its own; at least 2"):
        split_by_content(keys, classes, NAMES)


def test_keys_are_of_the_pixels() -> None:
    images = torch.randint(256, (3, 3, 5, 4), dtype=torch.uint8)
    images[2] = images[0]
    first, second, third = content_keys(images)
    assert first == third == hashlib.sha256(bytes(images[0].flatten().tolist())).hexdigest()
    assert first != second
