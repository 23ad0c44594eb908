"""Inputs of length one, against a loop, against the root mean square, and behind the label's pixels."""

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from convff import keyed_generator, mlp
from convff.functional import length_normalise
from convff.models.unit_length import UnitLength, unit_length
from labels import OneHotLabels


def rows(count: int, size: int) -> torch.Tensor:
    return torch.rand(count, size, generator=keyed_generator(0, "rows"), dtype=torch.float64)


def test_it_is_what_a_loop_makes_of_it() -> None:
    x = rows(3, 7)
    for row, got in zip(x.tolist(), unit_length(x).tolist(), strict=True):
        length = math.sqrt(sum(value**2 for value in row))
        assert got == pytest.approx([value / (length + 1e-4) for value in row], rel=1e-12)


@given(st.floats(1e-2, 1e4), st.integers(1, 20))
def test_the_length_is_one_up_to_eps(scale: float, size: int) -> None:
    x = rows(4, size) * scale
    lengths = x.norm(dim=1)
    torch.testing.assert_close(unit_length(x).norm(dim=1), 1 - 1e-4 / (lengths + 1e-4), rtol=1e-12, atol=0)


def test_a_row_of_zeros_stays_one() -> None:
    x = torch.zeros(2, 5)
    assert torch.equal(unit_length(x), x)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64])
def test_it_keeps_the_dtype_and_adds_up_in_float32(dtype: torch.dtype) -> None:
    x = torch.ones(1, 2**16, dtype=dtype)  # in bfloat16 a sum of ones would end at 256
    assert unit_length(x).dtype == dtype
    assert unit_length(x).double().norm().item() == pytest.approx(1, rel=1e-2)


def test_with_weights_over_the_square_root_it_is_the_root_mean_square() -> None:
    """`x / rms(x) = sqrt(n) x / |x|`, so W over sqrt(n) sees of the first what W sees of the second."""
    x, n = rows(5, 24) - 0.5, 24
    weight, bias = rows(9, n) - 0.5, rows(1, 9)[0] - 0.5
    unit = torch.relu(F.linear(unit_length(x, eps=1e-30), weight, bias))
    rms = torch.relu(F.linear(length_normalise(x, eps=0.0), weight / math.sqrt(n), bias))
    torch.testing.assert_close(unit, rms, rtol=1e-12, atol=1e-12)


def test_the_labels_pixels_are_0_and_the_largest_value_once_standardised() -> None:
    labels = OneHotLabels(10, rest=0.1307)
    norm = next(iter(mlp((1, 28, 28), norm="unit", standardise=(0.1307, 0.3081)))).norm
    images = torch.rand(3, 1, 28, 28, generator=keyed_generator(0, "images"))
    classes = torch.tensor([0, 3, 9])
    seen: list[torch.Tensor] = []

    class Standardised(UnitLength):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            seen.append((x.flatten(1) - self.mean) / self.deviation)
            return super().forward(x)

    x = Standardised(mean=norm.mean, deviation=norm.deviation)(labels(images, classes))
    (pixels,) = seen
    expected = torch.nn.functional.one_hot(classes, 10) * 2.8215
    torch.testing.assert_close(pixels[:, :10], expected, rtol=0, atol=1e-4)
    assert pixels.max() <= 2.8216
    torch.testing.assert_close(x, norm(labels(images, classes)))
    torch.testing.assert_close(x, pixels / (pixels.norm(dim=1, keepdim=True) + 1e-4))


def test_only_images_are_standardised() -> None:
    first, second = mlp((1, 4, 4), widths=(3, 3), norm="unit", standardise=(0.5, 0.25))
    assert (first.norm.mean, first.norm.deviation) == (0.5, 0.25)
    assert (second.norm.mean, second.norm.deviation) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"norm": "length"}, "norm must be rms, unit or activity, got 'length'"),
        ({"standardise": (0.1, 0.3)}, "standardise must be None unless norm is unit"),
        ({"norm": "unit", "label_channels": 1, "label_scale": 0.5}, "label_scale must be None with norm unit, got 0.5"),
        ({"norm": "unit", "standardise": (0.1, 0.0)}, "eps and deviation must be positive, got 0.0001 and 0.0"),
    ],
)
def test_what_does_not_go_together_is_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        mlp((2, 4, 4), **options)  # type: ignore[arg-type]


def test_an_eps_of_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="eps and deviation must be positive, got 0"):
        UnitLength(0.0)
