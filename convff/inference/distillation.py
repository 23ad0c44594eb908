"""Distillation: a readout learns to give the probabilities that another one gives (Hinton 2022, section 8)."""

import torch
from torch import Tensor

from convff.data import ImageData
from convff.inference.readout import LinearReadout
from convff.inference.regression import logistic_regression


@torch.no_grad()
def probabilities(readout: LinearReadout, data: ImageData, *, temperature: float = 1.0) -> Tensor:
    """Return `softmax(scores / temperature)` of a whole image set, `[N, K]`: what a teacher passes on.

    Args:
        readout: the trained readout of the teacher.
        data: the images; their classes are ignored.
        temperature: the higher, the more alike are the probabilities, and the more is passed on about wrong classes.

    Raises:
        ValueError: the temperature is not positive.

    Example:
        >>> from convff import mlp
        >>> from labels import OneHotLabels
        >>> data = ImageData(torch.zeros(2, 1, 8, 8).byte(), torch.tensor([0, 1]), ("a", "b"), "dark")
        >>> probabilities(LinearReadout(mlp((1, 8, 8), widths=(6, 5)), OneHotLabels(2), (1, 8, 8)), data)
        tensor([[0.5000, 0.5000],
                [0.5000, 0.5000]])
    """
    if not temperature > 0:
        raise ValueError(f"temperature must be positive, got {temperature}")
    scores = readout.linear(readout.features_of(data).to(readout.linear.weight.dtype))
    return torch.softmax(scores / temperature, dim=1)


def distil(
    readout: LinearReadout,
    data: ImageData,
    taught: Tensor,
    *,
    temperature: float = 1.0,
    l2: float = 1e-3,
    iterations: int = 40,
) -> None:
    """Fit a readout to the probabilities of a teacher; no true class is looked at.

    The cross-entropy to the taught probabilities, at the same temperature, is minimised by L-BFGS on standardised
    features, as `LinearReadout.fit` does for classes.

    Args:
        readout: the readout of the pupil; changed in place.
        data: images; their classes are ignored.
        taught: what `probabilities` gives for the same images, `[N, K]`.
        temperature: that of the probabilities.
        l2: penalty of the weights.
        iterations: maximum number of iterations.

    Raises:
        ValueError: probabilities of another shape, fewer than 2 images, a temperature that is not positive, or a
            readout without a bias.

    Example:
        >>> from convff import mlp
        >>> from labels import OneHotLabels
        >>> images = torch.zeros(2, 1, 8, 8).byte()
        >>> images[1] = 255
        >>> images[1, :, ::2] = 0
        >>> data = ImageData(images, torch.tensor([0, 0]), ("a", "b"), "stripes")
        >>> pupil = LinearReadout(mlp((1, 8, 8), widths=(60, 50)), OneHotLabels(2), (1, 8, 8))
        >>> distil(pupil, data, torch.tensor([[1.0, 0.0], [0.0, 1.0]]))
        >>> pupil.predict(data)
        tensor([0, 1])
    """
    if not temperature > 0:
        raise ValueError(f"temperature must be positive, got {temperature}")
    if readout.linear.bias is None:
        raise ValueError(f"a readout is distilled with a bias, and {type(readout).__name__} has none")
    if len(data) < 2 or taught.shape != (len(data), readout.linear.out_features):
        raise ValueError(
            f"there must be 2 or more images and probabilities [{len(data)}, {readout.linear.out_features}] for "
            f"them, got {len(data)} and {list(taught.shape)}"
        )
    features = readout.features_of(data)
    deviation, mean = torch.std_mean(features, dim=0)
    deviation.clamp_min_(1e-6)
    features.sub_(mean).div_(deviation)
    start = features.new_zeros(readout.linear.weight.shape)
    weight, bias = logistic_regression(features, taught.to(features), start, l2, iterations)
    with torch.no_grad():
        readout.linear.weight.copy_(weight * temperature / deviation)
        readout.linear.bias.copy_(bias * temperature - readout.linear.weight @ mean)
