"""Masks against scipy's convolution, and hybrids pixel by pixel (Hinton 2022, section 3.2)."""

import pytest
import torch
from scipy.ndimage import convolve1d
from torch import Tensor

from convff.hybrids import blurred, draw_masks, draw_partners, hybrids
from convff.randomness import keyed_generator

MASKS = 400


def key(number: int = 0) -> torch.Generator:
    return keyed_generator(number, "hybrids")


@pytest.mark.parametrize("size", [(28, 28), (7, 12), (1, 5)])
@pytest.mark.parametrize("blurs", [1, 6, 10])
def test_blurs_are_those_of_scipy_with_a_reflected_border(size: tuple[int, int], blurs: int) -> None:
    bits = torch.randint(2, (5, *size), generator=key())
    expected = bits.double().numpy()
    for _ in range(blurs):
        for axis in (1, 2):
            expected = convolve1d(expected, [0.25, 0.5, 0.25], axis=axis, mode="reflect")
    assert torch.equal(blurred(bits, blurs), torch.from_numpy(expected))  # exact: no rounding in float64
    masks = draw_masks(5, size, key(), blurs=blurs)
    assert torch.equal(masks, torch.from_numpy(expected > 0.5)[:, None])


def test_half_of_a_mask_is_ones_at_the_border_too() -> None:
    masks = draw_masks(MASKS, (28, 28), key())[:, 0].double()
    assert abs(masks.mean().item() - 0.5) < 0.02
    for side in (masks[:, 0], masks[:, -1], masks[:, :, 0], masks[:, :, -1]):
        assert abs(side.mean().item() - 0.5) < 0.05
    zeros = torch.randint(2, (MASKS, 28, 28), generator=key()).double().numpy()
    for _ in range(10):
        for axis in (1, 2):
            zeros = convolve1d(zeros, [0.25, 0.5, 0.25], axis=axis, mode="constant")
    assert (zeros > 0.5).mean() < 0.3  # with zeros beyond the border the test fails


@pytest.mark.parametrize(("blurs", "pixels"), [(6, 6.5), (10, 7.9), (20, 10.2)])
def test_more_blurs_make_larger_regions(blurs: int, pixels: float) -> None:
    masks = draw_masks(MASKS, (28, 28), key(), blurs=blurs)[:, 0]
    borders = (masks[:, :, 1:] != masks[:, :, :-1]).sum(dim=2) + 1.0  # runs of a row
    assert 28 / borders.mean().item() == pytest.approx(pixels, rel=0.08)


def test_every_image_has_a_mask_of_its_own() -> None:
    masks = draw_masks(20, (28, 28), key())
    assert len(masks.flatten(1).unique(dim=0)) == 20
    again, others = draw_masks(20, (28, 28), key()), draw_masks(20, (28, 28), key(1))
    assert torch.equal(masks, again)
    assert not torch.equal(masks, others)


def image_pairs() -> tuple[Tensor, Tensor]:
    one, other = (torch.rand(6, 3, 9, 7, generator=key(number)) for number in (2, 3))
    return one, other


def test_every_pixel_is_that_of_one_of_the_two_images() -> None:
    (one, other), masks = image_pairs(), draw_masks(6, (9, 7), key(), blurs=1)
    mixed = hybrids(one, other, masks)
    for image in range(6):
        for row in range(9):
            for column in range(7):
                source = one if masks[image, 0, row, column] else other
                assert torch.equal(mixed[image, :, row, column], source[image, :, row, column])
    assert torch.equal(hybrids(one, other, torch.ones_like(masks)), one)
    assert torch.equal(hybrids(one, other, torch.zeros_like(masks)), other)


@pytest.mark.parametrize("count", [2, 3, 10, 100])
def test_no_image_is_its_own_partner_and_each_is_the_partner_of_one(count: int) -> None:
    seen = set()
    for number in range(50):
        partners = draw_partners(count, key(number))
        assert not (partners == torch.arange(count)).any()
        assert torch.equal(partners.sort().values, torch.arange(count))
        seen.add(tuple(partners.tolist()))
    assert len(seen) == {2: 1, 3: 2}.get(count, 50)


def test_every_other_image_is_equally_likely() -> None:
    counts = torch.zeros(6, 6)
    for number in range(3000):
        counts[torch.arange(6), draw_partners(6, key(number))] += 1
    others = counts[~torch.eye(6, dtype=torch.bool)]
    assert not counts.diagonal().any()
    assert ((others - 600).abs() < 5 * 600**0.5).all()


def test_too_few_blurs_or_images_are_refused() -> None:
    with pytest.raises(ValueError, match="blurs must be at least 1, got 0"):
        draw_masks(2, (8, 8), key(), blurs=0)
    with pytest.raises(ValueError, match="made of two images, so a batch must have at least 2, got 1"):
        draw_partners(1, key())
