"""One-hot labels whose cold pixels have a value."""

import pytest
import torch

from convff.randomness import keyed_generator
from labels import OneHotLabels, labels_from_spec


def images() -> torch.Tensor:
    return torch.rand(3, 2, 4, 4, generator=keyed_generator(0, "images"))


def test_hot_and_cold_pixels_have_their_values_and_the_others_stay() -> None:
    labelled = OneHotLabels(5, value=0.9, rest=0.3)(images(), torch.tensor([0, 4, 2]))
    for row, label in zip(labelled, (0, 4, 2), strict=True):
        for channel in row:
            expected = [0.9 if pixel == label else 0.3 for pixel in range(5)]
            assert channel.flatten()[:5].tolist() == pytest.approx(expected, rel=1e-6)
    assert torch.equal(labelled.flatten(2)[..., 5:], images().flatten(2)[..., 5:])


def test_base_and_summand_are_the_labelled_image() -> None:
    labels = OneHotLabels(5, value=0.9, rest=0.3)
    every = labels(images(), torch.arange(5).expand(3, 5))
    torch.testing.assert_close(labels.bases(images())[:, None] + labels.summands(images()), every)


def test_the_neutral_input_is_the_mean_label() -> None:
    labels = OneHotLabels(5, value=0.9, rest=0.3)
    every = labels(images(), torch.arange(5).expand(3, 5))
    torch.testing.assert_close(labels.neutral(images()), every.mean(dim=1))


def test_patterns_are_codes_on_a_black_image() -> None:
    patterns = OneHotLabels(3, value=0.9, rest=0.3).patterns(images()[0])
    assert patterns.shape == (3, 2, 4, 4)
    assert patterns[1, 0].flatten()[:4].tolist() == pytest.approx([0.3, 0.9, 0.3, 0.0])


def test_specs_with_and_without_the_cold_value_load() -> None:
    spec = OneHotLabels(5, value=0.9, rest=0.3).spec()
    assert labels_from_spec(spec).spec() == spec
    del spec["rest"]
    assert labels_from_spec(spec).spec()["rest"] == 0.0


@pytest.mark.parametrize("rest", [-0.1, 1.1, float("nan")])
def test_a_cold_value_out_of_range_is_refused(rest: float) -> None:
    with pytest.raises(ValueError, match=r"rest must be in \[0, 1\], got"):
        OneHotLabels(5, rest=rest)


def test_a_cold_value_that_is_the_hot_one_is_refused() -> None:
    with pytest.raises(ValueError, match=r"rest must differ from value, got 0.5 for both"):
        OneHotLabels(5, value=0.5, rest=0.5)
