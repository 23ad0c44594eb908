"""Waves: within what a filter can see, by their formula, and refused where they cannot be drawn."""

import math

import pytest

from labels import FourierLabels, Wave
from labels.correlation import wave_correlations
from labels.select import off_diagonal
from labels.waves import random_waves, visible_frequencies, wave_image, whole_waves

SIZE = (32, 32)


@pytest.mark.parametrize("kernel", [3, 5, 7])
@pytest.mark.parametrize("size", [(32, 32), (28, 28), (20, 48)])
def test_waves_stay_within_what_the_kernel_can_see(kernel: int, size: tuple[int, int]) -> None:
    waves = FourierLabels.candidates(400, 1, size, kernel)
    assert len(set(waves)) == 400
    for wave in waves:
        frequency = wave.cycles / min(size)
        assert 1 / (4 * kernel) - 1e-3 <= frequency <= (kernel - 1) / (2 * kernel)
        assert 0 <= wave.orientation <= 180
        assert 0 <= wave.phase <= 360
    assert max(wave.cycles for wave in waves) > 0.95 * min(size) * (kernel - 1) / (2 * kernel)


def test_a_free_wave_equals_its_formula() -> None:
    height, width = 20, 24
    wave = Wave(3.7, 67.0, 31.0, periodic=False)
    picture = wave_image(wave, height, width)
    for row in range(height):
        for column in range(width):
            along = column * math.cos(math.radians(67)) + row * math.sin(math.radians(67))
            value = 0.5 + 0.5 * math.sin(2 * math.pi * 3.7 / 20 * along + math.radians(31))
            assert picture[row, column].item() == pytest.approx(value, abs=1e-6)


def test_whole_waves_are_orthogonal_and_different() -> None:
    waves = whole_waves(300, 0, SIZE, 5)
    assert off_diagonal(wave_correlations(waves, SIZE)).max() < 1e-5


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((10, 0, SIZE, 4), {}, "odd and at least 3 pixels wide, got 4"),
        ((10, 0, SIZE, 1), {}, "odd and at least 3 pixels wide, got 1"),
        ((10, 0, (4, 32), 5), {}, "smaller than the kernel of 5 x 5"),
        ((0, 0, SIZE, 5), {}, "n must be at least 1, got 0"),
        ((10, 0, SIZE, 5), {"frequencies": (0.1, 0.5)}, "Nyquist.*, got 0.5"),
        ((10, 0, SIZE, 3), {"frequencies": (0.1, 0.4)}, "3 x 3 kernel can see: 0.0833 to 0.333"),
        ((10, 0, SIZE, 3), {"frequencies": (0.01, 0.3)}, "3 x 3 kernel can see"),
        ((10, 0, SIZE, 3), {"frequencies": (0.3, 0.1)}, "low < high"),
    ],
)
def test_waves_that_cannot_be_drawn_are_refused(
    arguments: tuple[int, int, tuple[int, int], int], options: dict[str, tuple[float, float]], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        random_waves(*arguments, **options)


def test_a_free_wave_beyond_nyquist_is_refused() -> None:
    with pytest.raises(ValueError, match=r"4\.5 cycles need an image more than 9 pixels wide, got 8"):
        wave_image(Wave(4.5, 0.0, periodic=False), 8, 8)
    with pytest.raises(ValueError, match="waves of whole cycles that a 5 x 5 kernel can see, got n = 5000"):
        whole_waves(5000, 0, SIZE, 5)
    assert visible_frequencies(SIZE, 3) == (1 / 12, 1 / 3)
