"""The built-in stand-in: images drawn by the package if no real ones can be found.

A class is a shape (disc, square, ring, ...) filled with a texture (stripes of some direction, checks, dots, ...).
Place, size, tilt, colours and contrast are random, the background is cluttered, and noise covers everything. No single
pixel tells the class, so a linear model has a low accuracy, while a few convolutions can find shape and texture.
"""

from math import ceil, sqrt
from pathlib import Path

import torch
from torch import Generator, Tensor
from torch.nn.functional import interpolate

from convff import ImageData, keyed_generator
from experiments.datasets.base import Dataset
from experiments.datasets.shapes import SHAPES, TEXTURES, drawn, wave

TRAIN_COUNT = 20_000
TEST_COUNT = 2_000
CHUNK = 500  # images drawn at a time: the planes of one chunk stay in the processor's cache
NOISE = 20
BARS = 5  # distractors per image
FINEST = 0.125  # the finest period of a texture, as a fraction of the image's side


def load(data_dir: Path | None, require: bool) -> Dataset:
    """Draw the stand-in requested by name: 32x32 RGB images in 10 classes. Nothing is read from disk."""
    del data_dir, require
    return stand_in(name="stand-in (drawn by the package)", shape=(3, 32, 32), num_classes=10)


def stand_in_for(title: str, shape: tuple[int, int, int], num_classes: int, reason: str) -> Dataset:
    """Draw the stand-in for a data set that was requested and cannot be found.

    Args:
        title: the data set's name in reports.
        shape: channels (1 or 3), height and width.
        num_classes: the number of classes.
        reason: why the real images are not there, for the report.
    """
    return stand_in(f"stand-in for {title} (drawn by the package)", shape, num_classes, reason)


def stand_in(name: str, shape: tuple[int, int, int], num_classes: int, reason: str = "asked for") -> Dataset:
    """Draw 20,000 training and 2,000 test images; see `draw`."""
    class_names = _class_names(num_classes)
    train = ImageData(*draw(TRAIN_COUNT, shape, num_classes, "train"), class_names, name)
    test = ImageData(*draw(TEST_COUNT, shape, num_classes, "test"), class_names, name)
    return Dataset(train, test, source=f"drawn by the package ({reason})", is_stand_in=True)


def draw(count: int, shape: tuple[int, int, int], num_classes: int, split: str = "train") -> tuple[Tensor, Tensor]:
    """Draw images and their classes; the same arguments always give the same images.

    Args:
        count: number of images.
        shape: channels (1 or 3), height and width of one image.
        num_classes: 1 to 100.
        split: names the draw; another name gives other images.

    Returns:
        uint8 images `[count, C, H, W]` and int64 classes `[count]`, shuffled and equally frequent.

    Raises:
        ValueError: the number of channels or classes is out of range.

    Example:
        >>> images, classes = draw(20, (1, 28, 28), 10)
        >>> tuple(images.shape), sorted(set(classes.tolist()))
        ((20, 1, 28, 28), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    """
    if shape[0] not in (1, 3) or not 1 <= num_classes <= len(SHAPES) * len(TEXTURES):
        raise ValueError(
            f"the stand-in must have 1 or 3 channels and 1 to {len(SHAPES) * len(TEXTURES)} classes, "
            f"got {shape[0]} and {num_classes}"
        )
    generator = keyed_generator(0, f"stand-in {split}", *shape, num_classes)
    classes = (torch.arange(count) % num_classes)[torch.randperm(count, generator=generator)]
    images = torch.empty(count, *shape, dtype=torch.uint8)
    for part, chosen in zip(torch.split(images, CHUNK), torch.split(classes, CHUNK), strict=True):
        part.copy_(_draw_chunk(chosen, shape, num_classes, generator))
    return images, classes


def _draw_chunk(classes: Tensor, shape: tuple[int, int, int], num_classes: int, generator: Generator) -> Tensor:
    """Draw uint8 images `[n, C, H, W]`: the object over the background, and noise over both."""
    channels, height, width = shape
    count, side = len(classes), min(height, width)
    ground, first, second = _colours(count, channels, generator)
    picture = _cluttered(ground, height, width, generator)
    outline, filling = _parts(classes, num_classes)
    x, y = _tilted(*_from_random_centre(count, height, width, 0.32, generator), 0.2, generator)
    radius = side * _uniform((count, 1, 1), 0.28, 0.38, generator)
    cover = _cover(drawn(SHAPES, outline, x / radius, y / radius), radius)
    period = FINEST * side * _uniform((count, 1, 1), 1.0, 1.2, generator)
    phase_x, phase_y = _uniform((2, count, 1, 1), 0, 4, generator)
    ink = drawn(TEXTURES, filling, x / period + phase_x, y / period + phase_y).unsqueeze(1)
    picture = torch.lerp(picture, torch.lerp(first, second, ink), cover)
    noise = torch.randint(-NOISE, NOISE + 1, picture.shape, generator=generator, dtype=torch.int16)
    return picture.mul_(255).add_(noise).clamp_(0, 255).to(torch.uint8)


def _parts(classes: Tensor, num_classes: int) -> tuple[Tensor, Tensor]:
    """Return the shape and the texture of each class: about 5 shapes to 2 textures."""
    shapes = _shape_count(num_classes)
    return classes % shapes, classes // shapes


def _shape_count(num_classes: int) -> int:
    return min(len(SHAPES), ceil(num_classes / ceil(sqrt(num_classes / 2.5))))


def _class_names(num_classes: int) -> tuple[str, ...]:
    outlines, fillings = _parts(torch.arange(num_classes), num_classes)
    shapes, textures = list(SHAPES), list(TEXTURES)
    return tuple(f"{shapes[i]}, {textures[j]}" for i, j in zip(outlines.tolist(), fillings.tolist(), strict=True))


def _uniform(size: tuple[int, ...], low: float, high: float, generator: Generator) -> Tensor:
    return torch.rand(size, generator=generator) * (high - low) + low


def _colours(count: int, channels: int, generator: Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Draw the background and the two colours of the texture, each `[n, C, 1, 1]` in [0, 1].

    One colour is lighter than the background and the other darker, so that both show the outline; which one is lighter
    is random, and so is the contrast.
    """
    size = (count, channels, 1, 1)
    ground = _uniform(size, 0.35, 0.65, generator)
    sign = _uniform((count, 1, 1, 1), -1, 1, generator).sign()
    first, second = (_uniform(size, 0.15, 0.4, generator) * direction for direction in (sign, -sign))
    return ground, (ground + first).clamp_(0, 1), (ground + second).clamp_(0, 1)


def _from_random_centre(
    count: int, height: int, width: int, middle: float, generator: Generator
) -> tuple[Tensor, Tensor]:
    """Return pixel coordinates `[n, H, W]` from a random centre that keeps `middle` of the side from every edge."""
    centres = _uniform((2, count, 1, 1), middle, 1 - middle, generator)
    x = torch.arange(width) + 0.5 - width * centres[0]
    y = torch.arange(height).unsqueeze(1) + 0.5 - height * centres[1]
    return x.expand(count, height, width), y.expand(count, height, width)


def _tilted(x: Tensor, y: Tensor, most: float, generator: Generator) -> tuple[Tensor, Tensor]:
    """Turn coordinates by up to `most` radians either way."""
    angle = _uniform((len(x), 1, 1), -most, most, generator)
    return x * angle.cos() + y * angle.sin(), y * angle.cos() - x * angle.sin()


def _cover(distance: Tensor, radius: Tensor) -> Tensor:
    """Return how much of each pixel a shape covers, `[n, 1, H, W]`, from its distances in units of the radius."""
    return (0.5 - distance * radius).clamp_(0, 1).unsqueeze(1)


def _cluttered(ground: Tensor, height: int, width: int, generator: Generator) -> Tensor:
    """Draw the background `[n, C, H, W]`: clouds, faint stripes of any direction, and bars that belong to no class."""
    count, channels = ground.shape[:2]
    clouds = interpolate(_uniform((count, channels, 4, 4), -0.2, 0.2, generator), (height, width), mode="bilinear")
    x, y = _tilted(*_from_random_centre(count, height, width, 0, generator), 3.15, generator)
    stripes = wave(x / (FINEST * min(height, width))).unsqueeze(1) - 0.5
    picture = clouds.add_(ground).addcmul_(stripes, _uniform(ground.shape, -0.15, 0.15, generator))
    for _ in range(BARS):
        x, y = _tilted(*_from_random_centre(count, height, width, 0, generator), 3.15, generator)
        half = min(height, width) * _uniform((2, count, 1, 1), 0.03, 0.14, generator)
        cover = _cover(torch.maximum(x.abs() - half[0], y.abs() - half[1]), torch.ones(1))
        picture = torch.lerp(picture, _uniform(ground.shape, 0, 1, generator), cover)
    return picture
