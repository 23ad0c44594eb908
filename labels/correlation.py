"""Correlations between labels: K x K matrices, to judge a set of labels or to choose one.

Fourier waves and all labels that do not depend on the image: Pearson's correlation of the patterns p over pixels,
`<p_k - mean, p_l - mean> / (|p_k - mean| |p_l - mean|)`, as in Scodellaro et al. 2025. Morphology: the paper gives no
definition. Ours compares what two labels *change*, T_k(x) - x, on a fixed set of textured images: Pearson's correlation
over the pixels of each image, averaged over the images.
"""

import math
from functools import cache

import torch
from torch import Tensor

from labels.base import LabelGenerator
from labels.morph import Chain, MorphLabels, run_chains
from labels.waves import Wave, wave_image

TEXTURES = 16
TEXTURE_SIZE = 32


def label_correlations(labels: LabelGenerator, image_size: tuple[int, int]) -> Tensor:
    """Compute the correlation matrix of a label set of any family.

    Morphology labels are compared by what they change on `textured_images()` (see `chain_correlations`), all others by
    their patterns on a black image of one channel.

    Args:
        labels: a generator for K classes.
        image_size: height and width of the patterns; ignored for morphology labels.

    Returns:
        float32 `[K, K]` in [-1, 1], symmetric, with ones on the diagonal. A pattern without contrast gives
        a row and a column of 0.

    Raises:
        ValueError: `image_size` is not the size that the labels were made for.

    Example:
        >>> from labels.fourier import FourierLabels
        >>> label_correlations(FourierLabels(12, (32, 32)), (32, 32)).fill_diagonal_(0).abs().max() < 1e-6
        tensor(True)

    Reference:
        Scodellaro et al. 2025 for patterns. The definition for morphology labels is ours.
    """
    if isinstance(labels, MorphLabels):
        return chain_correlations(labels.chains)
    return pattern_correlations(labels.patterns(torch.zeros(1, *image_size)))


def pattern_correlations(patterns: Tensor) -> Tensor:
    """Compute Pearson's correlation of patterns `[K, ...]` over the values of each pattern: `[K, K]`.

    Example:
        >>> pattern_correlations(torch.tensor([[0.0, 1.0], [1.0, 0.0]]))
        tensor([[ 1., -1.],
                [-1.,  1.]])
    """
    rows = _unit_rows(patterns.flatten(1).double())
    return (rows @ rows.T).float()


def wave_correlations(waves: tuple[Wave, ...], image_size: tuple[int, int], *, any_phase: bool = False) -> Tensor:
    """Compute the correlation matrix of waves: Pearson's correlation over the pixels.

    Args:
        waves: K waves, at least one.
        image_size: height and width.
        any_phase: return the largest correlation over all phases of the two waves, instead of the correlation at
            their own phases. It is never smaller. A network whose goodness is a mean over positions cannot tell a wave
            from the same wave displaced, although the two may be uncorrelated.

    Returns:
        float32 `[K, K]`, symmetric; in [-1, 1], or in [0, 1] with `any_phase`.

    Raises:
        ValueError: a wave with two pixels per cycle or fewer.

    Example:
        >>> sine_and_cosine = (Wave(2, 0.0), Wave(2, 0.0, 90.0))
        >>> wave_correlations(sine_and_cosine, (16, 16))[0, 1].abs() < 1e-6
        tensor(True)
        >>> wave_correlations(sine_and_cosine, (16, 16), any_phase=True)[0, 1] > 0.999
        tensor(True)

    Reference:
        Scodellaro et al. 2025. The maximum over all phases is ours.
    """
    rows = _unit_rows(_drawn(waves, image_size, 0.0))
    if not any_phase:
        return (rows @ rows.T).float()
    # A wave of any phase lies in the plane of the wave and its copy a quarter cycle ahead. The largest correlation of
    # two such planes is the largest singular value of the 2 x 2 matrix of inner products of their orthonormal bases.
    moved = _unit_rows(_drawn(waves, image_size, 90.0))
    moved = _unit_rows(moved - (moved * rows).sum(dim=1, keepdim=True) * rows)
    blocks = [rows @ rows.T, rows @ moved.T, moved @ rows.T, moved @ moved.T]
    squares = torch.stack([block.square() for block in blocks]).sum(dim=0)
    determinant = blocks[0] * blocks[3] - blocks[1] * blocks[2]
    root = (squares.square() - 4 * determinant.square()).clamp_min(0).sqrt()
    largest: Tensor = ((squares + root) / 2).sqrt()
    return largest.float()


def chain_correlations(chains: tuple[Chain, ...], images: Tensor | None = None) -> Tensor:
    """Compute the correlation of the changes T_k(x) - x of chains: Pearson's correlation, averaged over images.

    Args:
        chains: K chains; common beginnings are computed once.
        images: float `[M, C, H, W]` in [0, 1]; `textured_images()` if omitted.

    Returns:
        float32 `[K, K]` in [-1, 1], symmetric. A chain that changes nothing gives a row and a column of 0.

    Raises:
        KeyError: an unknown operator.
        ValueError: images too small for an operator.

    Example:
        >>> matrix = chain_correlations(((("invert",),), (("contrast", 0.5),), (("shift", 2, 0),)))
        >>> [round(value, 1) for value in matrix[0].tolist()]  # inverting and halving contrast agree
        [1.0, 1.0, 0.3]

    Reference:
        Our own; Scodellaro et al. 2025 give no definition for morphology labels.
    """
    images = textured_images() if images is None else images
    changed = torch.empty(len(chains), images.numel())
    for number, transformed in enumerate(run_chains(chains, images)):
        change = _unit_rows((transformed - images).flatten(1))  # (M, C*H*W)
        changed[number] = change.flatten()
    return changed @ changed.T / len(images)


@cache
def textured_images(count: int = TEXTURES, size: int = TEXTURE_SIZE) -> Tensor:
    """Draw gray images with texture in every window; every call returns the same images.

    Noise whose amplitude falls with the frequency to the power 1.5, plus discs and half planes of different brightness,
    plus a little grain: chosen so that chains correlate on them much as on photographs of 32 x 32 pixels.

    Args:
        count: number of images, at least one.
        size: height and width in pixels.

    Returns:
        float32 `[count, 1, size, size]` in [0, 1], each image from 0 to 1. The result is cached: do not modify it
        in place.

    Example:
        >>> textured_images(2).shape
        torch.Size([2, 1, 32, 32])
    """
    generator = torch.Generator().manual_seed(0)
    frequency = torch.fft.fftfreq(size)
    radius = torch.hypot(frequency[:, None], frequency[None, :]).clamp_min(1 / size)
    white = torch.randn(count, size, size, generator=generator)
    clouds = torch.fft.ifft2(torch.fft.fft2(white) / radius**1.5).real  # (count, size, size)
    pictures = clouds / clouds.std(dim=(1, 2), keepdim=True)
    x, y = torch.arange(size)[None, None, :], torch.arange(size)[None, :, None]
    for _ in range(3):
        centre_x, centre_y, side, turn, shade = torch.rand(5, count, 1, 1, generator=generator)
        reach = size * (0.1 + 0.25 * side)
        disc = torch.hypot(x - size * centre_x, y - size * centre_y) < reach
        angle = 2 * math.pi * turn
        half_plane = (x - size * centre_x) * angle.cos() + (y - size * centre_y) * angle.sin() > reach
        pictures = pictures + (2 * shade - 1) * disc + (1 - 2 * shade) * half_plane
    pictures = pictures + 0.05 * torch.randn(pictures.shape, generator=generator)
    lowest, highest = pictures.amin(dim=(1, 2), keepdim=True), pictures.amax(dim=(1, 2), keepdim=True)
    scaled: Tensor = (pictures - lowest) / (highest - lowest)
    return scaled[:, None]


def _drawn(waves: tuple[Wave, ...], image_size: tuple[int, int], ahead: float) -> Tensor:
    """Draw waves as rows `[K, H*W]`, with `ahead` degrees added to their phases."""
    moved = (Wave(wave.cycles, wave.orientation, wave.phase + ahead, wave.periodic) for wave in waves)
    return torch.stack([wave_image(wave, *image_size).flatten() for wave in moved]).double()


def _unit_rows(rows: Tensor) -> Tensor:
    """Subtract the mean of each row and scale it to length 1; a constant row becomes 0."""
    centred = rows - rows.mean(dim=1, keepdim=True)
    length = centred.norm(dim=1, keepdim=True)
    unit: Tensor = centred / length.clamp_min(1e-4)
    return unit.where(length > 1e-4, 0)
