"""How well filters can read a label set, measured before any training.

Two questions, for filters of k x k pixels. Can any two labels be told apart in nearly every window? And how well does
a judge with the means of a first layer name the label from one window, on images and on blank ones? Labels that are
read far better on blank images than on real ones invite the shortcut that Scodellaro et al. 2025 describe for Fourier
labels: a network that looks at the label alone.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from labels.base import LabelGenerator

# Two labels differ in a window if any of its values differs by more than this: 2.5 of 255 gray levels.
VISIBLE = 0.01
# Two labels can be told apart if they differ in this share of the windows.
ENOUGH = 0.95
# Number of windows that the judge is trained on, and number that it is tested on.
WINDOWS = 20_000
WINDOWS_PER_IMAGE = 20
RIDGE = 1e-3


@dataclass(frozen=True)
class PairReport:
    """The share of windows in which two labels differ.

    Args:
        worst_pair: the two classes that differ in the fewest windows.
        worst_share: the share of windows in which they differ.
        mean_share: the mean over all pairs.
        unreadable: the pairs that differ in fewer than `ENOUGH` of the windows, worst first, with their share.
    """

    worst_pair: tuple[int, int]
    worst_share: float
    mean_share: float
    unreadable: tuple[tuple[int, int, float], ...]


@dataclass(frozen=True)
class JudgeReport:
    """Accuracy of a judge that names the class from one unseen window, in [0, 1].

    Args:
        linear: of a judge linear in the pixels: what one filter before its ReLU could tell.
        energy: of a judge linear in the pixels and their products, like goodness, a sum of squares of filter responses.
        chance: one over the number of classes.
    """

    linear: float
    energy: float
    chance: float


def distinct_windows(labels: LabelGenerator, images: Tensor, kernel_size: int) -> PairReport:
    """Measure, for every pair of labels, the share of k x k windows in which they differ, over all images.

    Args:
        labels: a generator for at least two classes.
        images: float `[M, C, H, W]` in [0, 1]; take textured ones, because a morphology label shows only where the
            image varies.
        kernel_size: side of the window in pixels, odd and from 3 to the shorter side of the images.

    Returns:
        The worst pair of classes, the shares in [0, 1], and the pairs that are hard to tell apart.

    Raises:
        ValueError: an even kernel, one larger than the images, or fewer than two classes.

    Example:
        >>> from labels.channel import ChannelLabels
        >>> distinct_windows(ChannelLabels(3, (8, 8)), torch.rand(2, 1, 8, 8), 3).worst_share
        1.0
    """
    check_window(images, kernel_size)
    count = labels.num_classes
    if count < 2:
        raise ValueError(f"need at least 2 classes, got {count}")
    shares = torch.zeros(count, count, dtype=torch.float64)
    for image in images:  # one by one: 100 copies with 100 label channels each take memory
        labelled = labels(image.expand(count, -1, -1, -1), torch.arange(count, device=images.device))  # (K, C', H, W)
        for first in range(count - 1):
            apart = (labelled[first + 1 :] - labelled[first]).abs_().amax(dim=1, keepdim=True)  # (.., 1, H, W)
            seen = F.max_pool2d(apart, kernel_size, stride=1) > VISIBLE
            shares[first, first + 1 :] += seen.double().mean(dim=(1, 2, 3)).cpu() / len(images)
    pairs = sorted((shares[a, b].item(), a, b) for a in range(count - 1) for b in range(a + 1, count))
    worst_share, *worst_pair = pairs[0]
    return PairReport(
        worst_pair=(worst_pair[0], worst_pair[1]),
        worst_share=worst_share,
        mean_share=sum(share for share, _, _ in pairs) / len(pairs),
        unreadable=tuple((first, second, share) for share, first, second in pairs if share < ENOUGH),
    )


def window_judge(
    labels: LabelGenerator, images: Tensor, kernel_size: int, *, seed: int = 0, windows: int = WINDOWS
) -> JudgeReport:
    """Measure how well ridge regression names the class from one window, wherever it lies.

    The judge is trained on windows of the first half of the images, labelled with random classes, and tested on windows
    of the second half. Like a filter, it shares its weights over positions.

    Args:
        labels: a generator of any family.
        images: float `[M, C, H, W]` in [0, 1], at least two.
        kernel_size: side of the window in pixels, odd and from 3 to the shorter side of the images.
        seed: seed of the random classes and windows.
        windows: number of windows to train on, and number to test on.

    Returns:
        The accuracies of a linear judge and of one that sees products of pixels, in [0, 1].

    Raises:
        ValueError: an even kernel, one larger than the images, or fewer than two images.

    Example:
        >>> from labels.channel import ChannelLabels
        >>> window_judge(ChannelLabels(3, (8, 8)), torch.rand(4, 1, 8, 8), 3, windows=200).linear
        1.0
    """
    check_window(images, kernel_size)
    if len(images) < 2:
        raise ValueError(f"need at least 2 images, half of them for the test, got {len(images)}")
    generator = torch.Generator().manual_seed(seed)
    half = len(images) // 2
    learnt, tested = (
        _windows(labels, part, kernel_size, windows, generator) for part in (images[:half], images[half:])
    )
    accuracies = []
    for features in (_pixels, _pixels_and_products):
        inputs = [features(seen, images.shape[1]) for seen, _ in (learnt, tested)]
        accuracies.append(_ridge_accuracy(inputs[0], learnt[1], inputs[1], tested[1], labels.num_classes))
    return JudgeReport(linear=accuracies[0], energy=accuracies[1], chance=1 / labels.num_classes)


def blank(images: Tensor) -> Tensor:
    """Replace each image by its mean colour.

    Args:
        images: float `[M, C, H, W]`; not modified.

    Returns:
        `[M, C, H, W]`, each channel of each image constant.

    Example:
        >>> blank(torch.tensor([[[[0.0, 1.0]]]]))
        tensor([[[[0.5000, 0.5000]]]])
    """
    return images.mean(dim=(2, 3), keepdim=True).expand_as(images).contiguous()


def check_window(images: Tensor, kernel_size: int) -> None:
    """Raise ValueError for a window that is not the size of a filter, or does not fit into the images.

    Args:
        images: `[M, C, H, W]`.
        kernel_size: side of the window in pixels.

    Raises:
        ValueError: a side that is even, below 3, or longer than a side of the images.

    Example:
        >>> check_window(torch.rand(1, 1, 8, 8), 4)
        Traceback (most recent call last):
        ValueError: a kernel must be odd and at least 3 pixels wide, got 4
    """
    if kernel_size < 3 or kernel_size % 2 == 0:
        raise ValueError(f"a kernel must be odd and at least 3 pixels wide, got {kernel_size}")
    if kernel_size > min(images.shape[-2:]):
        raise ValueError(f"images of {list(images.shape)} are smaller than the kernel of {kernel_size} x {kernel_size}")


def _windows(
    labels: LabelGenerator, images: Tensor, size: int, count: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Draw windows `[count, C', k, k]` of labelled images, and return them with their classes `[count]`."""
    draws = -(-count // WINDOWS_PER_IMAGE)
    classes = torch.randint(labels.num_classes, (draws,), generator=generator)
    labelled = labels(images[torch.arange(draws) % len(images)], classes)  # (draws, C', H, W)
    height, width = labelled.shape[-2:]
    image = torch.arange(count) // WINDOWS_PER_IMAGE
    top = torch.randint(height - size + 1, (count, 1, 1), generator=generator) + torch.arange(size)[:, None]
    left = torch.randint(width - size + 1, (count, 1, 1), generator=generator) + torch.arange(size)
    return labelled.movedim(1, -1)[image[:, None, None], top, left].movedim(-1, 1), classes[image]


def _pixels(windows: Tensor, image_channels: int) -> Tensor:
    """Return the image values of each window and the mean of each label channel, `[N, F]`."""
    extra = windows[:, image_channels:].mean(dim=(2, 3))
    return torch.cat([windows[:, :image_channels].flatten(1), extra], dim=1)


def _pixels_and_products(windows: Tensor, image_channels: int) -> Tensor:
    """Return `_pixels` and all products of two pixels of the gray window, after subtracting its mean."""
    gray = windows[:, :image_channels].mean(dim=1).flatten(1)
    gray = gray - gray.mean(dim=1, keepdim=True)
    first, second = torch.triu_indices(gray.shape[1], gray.shape[1])
    return torch.cat([_pixels(windows, image_channels), gray[:, first] * gray[:, second]], dim=1)


def _ridge_accuracy(
    inputs: Tensor, classes: Tensor, test_inputs: Tensor, test_classes: Tensor, num_classes: int
) -> float:
    """Return the accuracy on test inputs of ridge regression to one-hot targets."""
    mean, spread = inputs.mean(dim=0), inputs.std(dim=0)
    scale = 1 / spread.clamp_min(1e-4)  # constant features, as in blank images, stay near 0
    inputs, test_inputs = (inputs - mean) * scale, (test_inputs - mean) * scale
    targets = F.one_hot(classes, num_classes).to(inputs)
    targets = targets - targets.mean(dim=0)
    gram = (inputs.T @ inputs).double()
    gram.diagonal().add_(RIDGE * len(inputs))
    weights = torch.linalg.solve(gram, (inputs.T @ targets).double()).to(inputs)
    share: float = ((test_inputs @ weights).argmax(dim=1) == test_classes).float().mean().item()
    return share
