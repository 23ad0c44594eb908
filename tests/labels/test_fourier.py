"""Fourier labels: their set 1 by its formula, and older specs."""

import itertools
import math

import pytest
import torch

from labels import FourierLabels, Wave, fourier_set_1, labels_from_spec


def test_fourier_set_1_equals_its_formula() -> None:
    height, width = 28, 32
    labels = FourierLabels(10, (height, width), intensity=1.0)
    waves = labels(torch.zeros(10, 1, height, width, dtype=torch.float64), torch.arange(10))[:, 0]
    direction = {0: (1, 0), 45: (1, 1), 90: (0, 1), 135: (-1, 1)}
    for k, (frequency, angle) in enumerate([(f, a) for f in (1, 2, 3) for a in (0, 45, 90, 135)][:10]):
        along_x, along_y = direction[angle]
        for row, column in itertools.product(range(height), range(width)):
            phase = 2 * math.pi * frequency * (along_x * column / width + along_y * row / height)
            assert waves[k, row, column].item() == pytest.approx(0.5 + 0.5 * math.sin(phase), abs=1e-6)


def test_fourier_set_1_is_orthogonal() -> None:
    waves = FourierLabels(12, (32, 32)).patterns(torch.zeros(1, 32, 32)).flatten(1) - 0.5
    correlations = torch.corrcoef(waves) - torch.eye(12)
    assert correlations.abs().max() < 1e-5


def test_a_wave_finer_than_the_pixels_is_refused() -> None:
    with pytest.raises(ValueError, match="4 cycles need an image more than 8 pixels wide, got 8"):
        FourierLabels(1, (8, 8), waves=(Wave(4, 0.0),))


def test_specs_of_before_still_load_and_set_1_is_what_it_was() -> None:
    spec = {"family": "fourier", "num_classes": 2, "image_size": [8, 8], "intensity": 0.3}
    old = labels_from_spec(spec | {"waves": [[1, 0.0, 0.0], [2, 45.0, 90.0]]})
    assert isinstance(old, FourierLabels)
    assert old.waves == (Wave(1, 0.0), Wave(2, 45.0, 90.0))
    assert FourierLabels(2, (8, 8)).spec()["waves"] == [[1, 0.0, 0.0], [1, 45.0, 0.0]]
    assert fourier_set_1(100, (32, 32))[41:43] == (Wave(11, 45.0), Wave(11, 90.0))
    assert all(wave.periodic for wave in fourier_set_1(100, (32, 32)))
