"""Waves over an image: which there are, which a filter can see, and how they are drawn (Scodellaro et al. 2025).

A wave is `1/2 + 1/2 sin(2 pi f (x cos a + y sin a) + phase)`.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

ORIENTATIONS = (0.0, 45.0, 90.0, 135.0)


@dataclass(frozen=True)
class Wave:
    """One wave.

    Args:
        cycles: if periodic, whole cycles over the image along the axis closest to the direction of travel; else any
            number of cycles per length of the shorter side, counted along the direction of travel.
        orientation: direction of travel in degrees; 0 runs along x (columns), 90 along y (rows).
        phase: in degrees; 0 is a sine that starts in the upper left corner.
        periodic: whether cycles along x and along y are rounded to whole numbers; see `wave_image`.

    Example:
        >>> Wave(2, 90.0)
        Wave(cycles=2, orientation=90.0, phase=0.0, periodic=True)
    """

    cycles: float
    orientation: float
    phase: float = 0.0
    periodic: bool = True


def fourier_set_1(num_classes: int, image_size: tuple[int, int]) -> tuple[Wave, ...]:
    """Return label set "1": sines of 1, 2, 3, ... cycles, each in four orientations; then the same as cosines.

    The paper's supplement, which defines its sets, is not public: this is our reconstruction, and agrees with two
    independent ones. Twelve classes use three frequencies; images of 32 x 32 have room for 120 classes.

    Args:
        num_classes: number of waves.
        image_size: height and width. The finest wave has more than two pixels per cycle on the shorter side.

    Returns:
        One wave per class, all periodic. A larger set begins with the waves of a smaller one.

    Raises:
        ValueError: an image too small for `num_classes` waves.

    Example:
        >>> fourier_set_1(5, (32, 32))[-1]
        Wave(cycles=2, orientation=0.0, phase=0.0, periodic=True)

    Reference:
        Scodellaro et al. 2025, Methods; the set is our reconstruction.
    """
    finest = (min(image_size) - 1) // 2  # cycles; more than two pixels each
    waves = tuple(
        Wave(cycles, orientation, phase)
        for phase in (0.0, 90.0)
        for cycles in range(1, finest + 1)
        for orientation in ORIENTATIONS
    )
    if num_classes > len(waves):
        raise ValueError(f"images of {image_size} have room for {len(waves)} waves of set 1, not for {num_classes}")
    return waves[:num_classes]


def visible_frequencies(image_size: tuple[int, int], kernel_size: int) -> tuple[float, float]:
    """Return the lowest and the highest frequency, in cycles per pixel, that a k x k filter can tell from others.

    - The highest is (k - 1) / 2 cycles in k pixels, the last one of a k-point Fourier transform: for anything finer, a
      row of k pixels no longer holds both the sine and the cosine, so the filter sees an alias of a coarser wave.
      It is always below Nyquist's half a cycle per pixel: 1/3 for k = 3, 0.4 for 5, 0.43 for 7.
    - The lowest has at least a quarter of a cycle in k pixels, and one cycle in the image. For anything coarser, a
      filter on a crest sees a flat patch, and the image only changes in brightness.

    Both bounds are our reading of the paper's remark that the size of the filters limits Fourier labels.

    Raises:
        ValueError: the kernel is even or below 3, or larger than the image.

    Example:
        >>> visible_frequencies((32, 32), 5)
        (0.05, 0.4)
    """
    if kernel_size < 3 or kernel_size % 2 == 0:
        raise ValueError(f"a kernel must be odd and at least 3 pixels wide, got {kernel_size}")
    if kernel_size > min(image_size):
        raise ValueError(f"images of {image_size} are smaller than the kernel of {kernel_size} x {kernel_size} pixels")
    return max(1 / (4 * kernel_size), 1 / min(image_size)), (kernel_size - 1) / (2 * kernel_size)


def random_waves(
    n: int, seed: int, image_size: tuple[int, int], kernel_size: int, frequencies: tuple[float, float] | None = None
) -> tuple[Wave, ...]:
    """Draw N different waves at random: frequency and orientation uniform over the visible plane, and any phase.

    Uniform over the plane (the square of the frequency is uniform) because a filter separates waves by their distance
    in that plane; if the frequency itself were uniform, the candidates would crowd at the coarse end.

    Args:
        n: number of waves.
        seed: seed of the draw.
        image_size: height and width of the images.
        kernel_size: side of the filters that are to tell the waves apart, in pixels.
        frequencies: the lowest and the highest, in cycles per pixel; `visible_frequencies` if omitted.

    Raises:
        ValueError: `n` below 1; a kernel that is even or larger than the image; frequencies finer than Nyquist's
            half a cycle per pixel, finer or coarser than the kernel can see, or in the wrong order.

    Example:
        >>> random_waves(1, 0, (32, 32), 5)
        (Wave(cycles=12.609, orientation=127.408, phase=165.378, periodic=False),)
    """
    if n < 1:
        raise ValueError(f"n must be at least 1, got {n}")
    lowest, highest = _checked_frequencies(image_size, kernel_size, frequencies)
    generator = torch.Generator().manual_seed(seed)
    waves: dict[Wave, None] = {}  # an ordered set
    while len(waves) < n:
        area, turn, start = torch.rand(3, generator=generator, dtype=torch.float64).tolist()
        frequency = math.sqrt(lowest**2 + area * (highest**2 - lowest**2))
        # Three decimals, to keep the JSON readable; the frequency is rounded down, not to exceed the highest.
        cycles = math.floor(frequency * min(image_size) * 1000) / 1000
        waves[Wave(cycles, round(180 * turn, 3), round(360 * start, 3), periodic=False)] = None
    return tuple(waves)


def whole_waves(n: int, seed: int, image_size: tuple[int, int], kernel_size: int) -> tuple[Wave, ...]:
    """Draw N of the visible waves with whole cycles along x and along y, both sines and cosines, in random order.

    Unlike the candidates of the paper, any two of these are exactly orthogonal, so there is nothing to optimise.

    Raises:
        ValueError: a kernel that is even or larger than the image, or `n` outside [1, number of such waves].

    Example:
        >>> whole_waves(1, 0, (32, 32), 5)[0].periodic
        True
    """
    height, width = image_size
    lowest, highest = visible_frequencies(image_size, kernel_size)
    # Half of the plane: a wave that travels the other way is the same wave.
    plane = [(x, y) for y in range(height // 2) for x in range(-(width // 2), width // 2) if y > 0 or x > 0]
    waves = [
        Wave(max(abs(x), y), math.degrees(math.atan2(y, x)), phase)
        for x, y in plane
        if lowest <= math.hypot(x / width, y / height) <= highest
        for phase in (0.0, 90.0)
    ]
    if not 1 <= n <= len(waves):
        raise ValueError(
            f"images of {image_size} have {len(waves)} waves of whole cycles that a {kernel_size} x {kernel_size} "
            f"kernel can see, got n = {n}"
        )
    order = torch.randperm(len(waves), generator=torch.Generator().manual_seed(seed))
    return tuple(waves[i] for i in order[:n].tolist())


def _checked_frequencies(
    image_size: tuple[int, int], kernel_size: int, frequencies: tuple[float, float] | None
) -> tuple[float, float]:
    coarsest, finest = visible_frequencies(image_size, kernel_size)
    if frequencies is None:
        return coarsest, finest
    lowest, highest = frequencies
    if not lowest < highest:
        raise ValueError(f"frequencies must be (low, high) with low < high, got ({lowest}, {highest})")
    if highest >= 0.5:
        raise ValueError(f"frequencies must be below 0.5 cycles per pixel (Nyquist), got {highest}")
    if lowest < coarsest or highest > finest:
        raise ValueError(
            f"frequencies from {lowest} to {highest} cycles per pixel are outside what a {kernel_size} x {kernel_size} "
            f"kernel can see: {coarsest:.3g} to {finest:.3g}"
        )
    return lowest, highest


def wave_image(wave: Wave, height: int, width: int) -> Tensor:
    """Draw a wave as a float32 image `[H, W]` in [0, 1]: `1/2 + 1/2 sin(2 pi f (x cos a + y sin a) + phase)`.

    x and y run from 0 to 1, without the 1, so that waves of whole cycles are exactly orthogonal. A periodic wave along
    a diagonal has `cycles` over each side (`cos a` and `sin a` are rounded up to +-1): with a fractional number of
    cycles it would be neither periodic nor orthogonal to the others. A wave that is not periodic is not rounded.

    Raises:
        ValueError: a wave with two pixels per cycle or fewer; at two, a sine is 0 at every pixel.

    Example:
        >>> wave_image(Wave(1, 0.0), 4, 4)[0]
        tensor([0.5000, 1.0000, 0.5000, 0.0000])
    """
    along_x, along_y = _whole_cycles(wave) if wave.periodic else _cycles(wave, height, width)
    for cycles, size, side in ((along_x, width, "wide"), (along_y, height, "high")):
        if 2 * abs(cycles) >= size:
            raise ValueError(
                f"{abs(cycles):g} cycles need an image more than {2 * abs(cycles):g} pixels {side}, got {size}"
            )
    x = torch.arange(width, dtype=torch.float64) / width
    y = torch.arange(height, dtype=torch.float64) / height
    phase = 2 * math.pi * (along_x * x[None, :] + along_y * y[:, None]) + math.radians(wave.phase)
    return (0.5 + 0.5 * torch.sin(phase)).float()


def _cycles(wave: Wave, height: int, width: int) -> tuple[float, float]:
    """Return the cycles along x and along y of a wave that is not periodic."""
    angle, a_pixel = math.radians(wave.orientation), wave.cycles / min(height, width)
    return a_pixel * width * math.cos(angle), a_pixel * height * math.sin(angle)


def _whole_cycles(wave: Wave) -> tuple[int, int]:
    """Return the whole cycles along x and along y of a periodic wave."""
    angle = math.radians(wave.orientation)
    cosine, sine = round(math.cos(angle), 9), round(math.sin(angle), 9)
    largest = max(abs(cosine), abs(sine))
    return round(wave.cycles * cosine / largest), round(wave.cycles * sine / largest)
