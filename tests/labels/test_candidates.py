"""Candidates and their correlations: plain data within bounds, rebuilt to the bit, compared as the formula says."""

import json
import math

import numpy as np
import pytest
import torch
from torch import Tensor

from labels import ChannelLabels, FourierLabels, MorphLabels, OneHotLabels, Wave, labels_from_spec
from labels.correlation import (
    chain_correlations,
    label_correlations,
    pattern_correlations,
    textured_images,
    wave_correlations,
)
from labels.fourier import fourier_set_1, random_waves, visible_frequencies, wave_image, whole_waves
from labels.morph import run_chains
from labels.select import off_diagonal, random_choice, select

SIZE = (32, 32)


def photograph_like(count: int = 4) -> Tensor:
    return torch.rand(count, 3, 16, 20, generator=torch.Generator().manual_seed(0))


# --- waves ---


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


def test_candidates_are_rebuilt_to_the_bit() -> None:
    waves = FourierLabels.candidates(60, 3, (24, 24), 5)
    labels = FourierLabels(60, (24, 24), waves=waves)
    again = labels_from_spec(json.loads(json.dumps(labels.spec())))
    assert isinstance(again, FourierLabels)
    assert again.waves == waves
    images, classes = torch.rand(60, 1, 24, 24), torch.arange(60)
    assert torch.equal(labels(images, classes), again(images, classes))

    chains = MorphLabels.candidates(60, 3)
    morph = MorphLabels(60, chains=chains)
    rebuilt = labels_from_spec(json.loads(json.dumps(morph.spec())))
    assert isinstance(rebuilt, MorphLabels)
    assert rebuilt.chains == chains
    assert torch.equal(morph(images, classes), rebuilt(images, classes))


def test_specs_of_before_still_load_and_set_1_is_what_it_was() -> None:
    spec = {"family": "fourier", "num_classes": 2, "image_size": [8, 8], "intensity": 0.3}
    old = labels_from_spec(spec | {"waves": [[1, 0.0, 0.0], [2, 45.0, 90.0]]})
    assert isinstance(old, FourierLabels)
    assert old.waves == (Wave(1, 0.0), Wave(2, 45.0, 90.0))
    assert FourierLabels(2, (8, 8)).spec()["waves"] == [[1, 0.0, 0.0], [1, 45.0, 0.0]]
    assert fourier_set_1(100, SIZE)[41:43] == (Wave(11, 45.0), Wave(11, 90.0))
    assert all(wave.periodic for wave in fourier_set_1(100, SIZE))


@pytest.mark.parametrize("family", ["fourier", "morph"])
def test_the_draw_is_keyed_by_its_seed(family: str) -> None:
    draw = {"fourier": lambda n, seed: FourierLabels.candidates(n, seed, SIZE, 5), "morph": MorphLabels.candidates}
    first, again, other = (draw[family](50, seed) for seed in (0, 0, 1))
    assert first == again
    assert first != other
    assert draw[family](80, 0)[:50] == first  # more candidates are the same and some more


def test_whole_waves_are_orthogonal_and_different() -> None:
    waves = whole_waves(300, 0, SIZE, 5)
    assert off_diagonal(wave_correlations(waves, SIZE)).max() < 1e-5


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((10, 0, SIZE, 4), {}, "odd and at least 3 pixels wide, not 4"),
        ((10, 0, SIZE, 1), {}, "odd and at least 3 pixels wide, not 1"),
        ((10, 0, (4, 32), 5), {}, "smaller than the kernel of 5 x 5"),
        ((0, 0, SIZE, 5), {}, "at least one candidate"),
        ((10, 0, SIZE, 5), {"frequencies": (0.1, 0.5)}, "beyond Nyquist"),
        ((10, 0, SIZE, 3), {"frequencies": (0.1, 0.4)}, "3 x 3 kernel can see: 0.0833 to 0.333"),
        ((10, 0, SIZE, 3), {"frequencies": (0.01, 0.3)}, "3 x 3 kernel can see"),
        ((10, 0, SIZE, 3), {"frequencies": (0.3, 0.1)}, "from the lowest to the highest"),
    ],
)
def test_waves_that_cannot_be_drawn_are_refused(
    arguments: tuple[int, int, tuple[int, int], int], options: dict[str, tuple[float, float]], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        random_waves(*arguments, **options)


def test_a_free_wave_beyond_nyquist_is_refused() -> None:
    with pytest.raises(ValueError, match=r"4\.5 cycles need an image more than 9 pixels wide, not 8"):
        wave_image(Wave(4.5, 0.0, periodic=False), 8, 8)
    with pytest.raises(ValueError, match="waves of whole cycles that a 5 x 5 kernel can see, not 5000"):
        whole_waves(5000, 0, SIZE, 5)
    assert visible_frequencies(SIZE, 3) == (1 / 12, 1 / 3)


# --- chains ---


def test_chains_are_different_and_have_different_effects() -> None:
    chains = MorphLabels.candidates(600, 0)
    assert len(set(chains)) == 600
    results = torch.stack([result.flatten() for result in run_chains(chains, textured_images(2))])
    distance = torch.cdist(results, results) + 9 * torch.eye(600)
    assert distance.min() > 0.1
    changed = (results - textured_images(2).flatten()).abs().amax(dim=1)
    assert changed.min() > 0.1


def test_every_chain_has_a_displacement_within_a_filter_of_seven() -> None:
    for chain in MorphLabels.candidates(600, 0):
        name, dx, dy = chain[-1]
        assert name == "shift"
        assert 0 < max(abs(dx), abs(dy)) <= 3


def test_too_many_or_too_few_chains_are_refused() -> None:
    with pytest.raises(ValueError, match=r"there are 7536 chains to draw from, not 7537"):
        MorphLabels.candidates(7537, 0)
    assert len(set(MorphLabels.candidates(7536, 0))) == 7536
    with pytest.raises(ValueError, match="not 0"):
        MorphLabels.candidates(0, 0)


def test_images_too_small_for_an_operator_are_refused() -> None:
    small = torch.rand(1, 3, 4, 4)
    with pytest.raises(ValueError, match="5 pixels wide is too large for images of 4 x 4"):
        MorphLabels(1, chains=((("erode", 5),),))(small, torch.tensor([0]))
    with pytest.raises(ValueError, match="too large for images of 4 x 4"):
        MorphLabels(1, chains=((("shift", 4, 0),),))(small, torch.tensor([0]))


def test_chains_run_together_equal_chains_run_alone() -> None:
    images, chains = photograph_like(), MorphLabels.candidates(40, 0)
    labels = MorphLabels(40, chains=chains)
    for k, result in enumerate(run_chains(chains, images)):
        assert torch.equal(result, labels.transform(images, k))


# --- correlations ---


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


# --- the selection that the paper reports on ---


def test_a_hundred_waves_of_two_thousand() -> None:
    waves = FourierLabels.candidates(2000, 0, SIZE, 3)  # the smallest kernel sees the smallest part of the plane
    correlation = wave_correlations(waves, SIZE)
    phase_free = wave_correlations(waves, SIZE, any_phase=True)
    assert off_diagonal(correlation, select(correlation, 100)).max() <= 0.06
    chosen = select(phase_free, 100)
    assert off_diagonal(correlation, chosen).max() <= off_diagonal(phase_free, chosen).max() <= 0.09
    assert off_diagonal(correlation, random_choice(2000, 100)).max() > 0.7


def test_a_hundred_chains_of_two_thousand() -> None:
    correlation = chain_correlations(MorphLabels.candidates(2000, 0))
    by_chance = [off_diagonal(correlation, random_choice(2000, 100, seed)).max() for seed in range(20)]
    assert off_diagonal(correlation, select(correlation, 100)).max() <= 0.6 * float(np.median(by_chance))
