"""Mirrored and moved images: against slicing by hand."""

import pytest
import torch
import torch.nn.functional as F

from convff import keyed_generator
from convff.training.augment import AUGMENTATIONS, MOST_SHIFT, cutout, flips, shifts, shifts_zero
from labels import OneHotLabels

IMAGES = torch.rand(40, 3, 9, 8, generator=keyed_generator(0, "images"))


def test_shifts_move_each_image_by_its_own_number_of_pixels() -> None:
    moved = shifts(IMAGES, keyed_generator(0, "shifts"))
    padded = F.pad(IMAGES, (MOST_SHIFT,) * 4, mode="reflect")
    places = range(2 * MOST_SHIFT + 1)
    found = []
    for n in range(len(IMAGES)):
        crops = {(dy, dx): padded[n, :, dy : dy + 9, dx : dx + 8] for dy in places for dx in places}
        matching = [place for place, crop in crops.items() if torch.equal(crop, moved[n])]
        assert len(matching) == 1
        found += matching
    assert len(set(found)) > 10
    assert {dy for dy, _ in found} == {dx for _, dx in found} == set(places)


def test_shifts_with_zeros_are_the_25_of_the_paper() -> None:
    images = IMAGES[:1].expand(600, -1, -1, -1) + 0.1  # no pixel of it is 0
    moved = shifts_zero(images, keyed_generator(0, "shifts"))
    found = set()
    for image in moved.unique(dim=0):
        matching = []
        for dy in range(-2, 3):
            for dx in range(-2, 3):
                expected = torch.zeros_like(image)
                for row in range(9):
                    for column in range(8):
                        if 0 <= row + dy < 9 and 0 <= column + dx < 8:
                            expected[:, row, column] = images[0, :, row + dy, column + dx]
                matching += [(dy, dx)] if torch.equal(expected, image) else []
        assert len(matching) == 1
        found |= set(matching)
    assert len(found) == 25


def test_a_label_in_the_first_pixels_is_not_shifted() -> None:
    labels = OneHotLabels(5)
    moved = shifts_zero(IMAGES, keyed_generator(0, "shifts"))
    labelled = labels(moved, torch.full((len(IMAGES), 1), 3))
    assert torch.equal(labelled.flatten(3)[..., :5], torch.eye(5)[3].expand(len(IMAGES), 1, 3, 5))


def test_no_shift_is_the_identity_and_a_whole_side_is_refused() -> None:
    assert torch.equal(shifts_zero(IMAGES, keyed_generator(0, "shifts"), most=0), IMAGES)
    for most in (-1, 8):
        with pytest.raises(ValueError, match=f"fewer than their side, got {most} for 9 x 8"):
            shifts_zero(IMAGES, keyed_generator(0, "shifts"), most=most)


def test_flips_mirror_about_half_of_the_images() -> None:
    flipped = flips(IMAGES, keyed_generator(0, "flips"))
    mirrored = [torch.equal(new, old.flip(-1)) for new, old in zip(flipped, IMAGES, strict=True)]
    same = [torch.equal(new, old) for new, old in zip(flipped, IMAGES, strict=True)]
    assert all(one != other for one, other in zip(mirrored, same, strict=True))
    assert 10 < sum(mirrored) < 30


def test_cutout_fills_one_square_of_each_image_with_its_mean_colour() -> None:
    images = torch.rand(300, 3, 16, 24, generator=keyed_generator(0, "large"))
    cut = cutout(images, keyed_generator(0, "cutout"))
    centres = set()
    for new, old in zip(cut, images, strict=True):
        changed = (new != old).any(0)
        rows, columns = changed.any(1).nonzero().flatten().tolist(), changed.any(0).nonzero().flatten().tolist()
        assert changed.sum() == len(rows) * len(columns) > 0  # a rectangle without holes
        assert rows == list(range(rows[0], rows[-1] + 1))
        assert 3 <= len(rows) <= 6  # three eighths of 16, or the part that lies inside
        assert 4 <= len(columns) <= 9
        inside = old.mean((1, 2))[:, None].expand(3, int(changed.sum()))
        torch.testing.assert_close(new[:, changed], inside)
        if len(rows) == 6 and len(columns) == 9:
            centres.add((rows[0], columns[0]))
    assert {row for row, _ in centres} == set(range(11))  # every place at which the whole square lies inside
    assert {column for _, column in centres} == set(range(16))


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_an_augmentation_keeps_shape_and_range_and_repeats_itself(name: str) -> None:
    before = IMAGES.clone()
    one, other = (AUGMENTATIONS[name](IMAGES, keyed_generator(0, "draws")) for _ in range(2))
    assert torch.equal(one, other)
    assert one.shape == IMAGES.shape
    assert one.dtype == IMAGES.dtype
    assert torch.equal(IMAGES, before)
    assert ((one >= 0) & (one <= 1)).all()
