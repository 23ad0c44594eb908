"""Correlations: as the formula says, in loops."""

import math

import numpy as np
import pytest
import torch

from labels import ChannelLabels, FourierLabels, MorphLabels, OneHotLabels, Wave
from labels.correlation import (
    chain_correlations,
    label_correlations,
    pattern_correlations,
    textured_images,
    wave_correlations,
)
from labels.waves import wave_image
from tests.labels.helpers import photograph_like

SIZE = (32, 32)


def slow_pearson(a: np.ndarray, b: np.ndarray) -> float:
    a, b = a - a.mean(), b - b.mean()
    return float((a * b).sum() / math.sqrt((a * a).sum() * (b * b).sum()))


def test_waves_correlate_as_pearson_says() -> None:
    waves = FourierLabels.candidates(8, 0, (16, 20), 5)
    got = wave_correlations(waves, (16, 20))
    pictures = [wave_image(wave, 16, 20).double().numpy() for wave in waves]
    for a in range(8):
        for b in range(8):
            assert got[a, b].item() == pytest.approx(slow_pearson(pictures[a], pictures[b]), abs=1e-5)


def test_any_phase_is_the_largest_over_phases() -> None:
    waves = FourierLabels.candidates(5, 2, (16, 16), 3)
    got = wave_correlations(waves, (16, 16), any_phase=True)
    assert (got >= wave_correlations(waves, (16, 16)).abs() - 1e-5).all()
    phases = range(0, 360, 10)
    for a in range(5):
        for b in range(a):
            turned = [
                tuple(Wave(w.cycles, w.orientation, float(phase), periodic=False) for phase in phases)
                for w in (waves[a], waves[b])
            ]
            tried = wave_correlations(turned[0] + turned[1], (16, 16))[:36, 36:].abs().max().item()
            assert got[a, b].item() == pytest.approx(tried, abs=0.03)


def test_chains_correlate_by_what_they_change() -> None:
    images, chains = photograph_like(), MorphLabels.candidates(6, 1)
    got = chain_correlations(chains, images)
    for a in range(6):
        for b in range(6):
            changes = [(MorphLabels(6, chains=chains).transform(images, k) - images).double().numpy() for k in (a, b)]
            expected = np.mean([slow_pearson(one, two) for one, two in zip(*changes, strict=True)])
            assert got[a, b].item() == pytest.approx(expected, abs=1e-5)


def test_every_family_has_a_matrix() -> None:
    fourier, morph = FourierLabels(6, SIZE), MorphLabels(6)
    assert torch.equal(label_correlations(fourier, SIZE), wave_correlations(fourier.waves, SIZE))
    assert torch.equal(label_correlations(morph, SIZE), chain_correlations(morph.chains))
    for labels in (OneHotLabels(6), ChannelLabels(6, SIZE), ChannelLabels(6, SIZE, planes="fourier")):
        matrix = label_correlations(labels, SIZE)
        assert matrix.shape == (6, 6)
        torch.testing.assert_close(matrix.diagonal(), torch.ones(6), rtol=0, atol=1e-5)


def test_a_pattern_without_contrast_correlates_with_nothing() -> None:
    assert pattern_correlations(torch.tensor([[1.0, 1.0], [0.0, 1.0]])).tolist() == [[0, 0], [0, 1]]


def test_textures_have_something_to_see_in_nearly_every_window() -> None:
    images = textured_images()
    assert images.min() >= 0
    assert images.max() <= 1
    highest = torch.nn.functional.max_pool2d(images, 5, 1)
    lowest = -torch.nn.functional.max_pool2d(-images, 5, 1)
    assert ((highest - lowest) > 0.05).float().mean() > 0.99
