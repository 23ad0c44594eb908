"""Effective dimension of a block's features: the participation ratio of their covariance."""

import torch
import torch.nn.functional as F
from torch import Tensor

from convff.data import ImageData, as_floats
from convff.labelling import Labels
from convff.machine.precision import autocast
from convff.network import Block, LayerLocalNet, evaluating


def participation_ratio(features: Tensor) -> float:
    """Return `(sum_i l_i)^2 / sum_i l_i^2` of the eigenvalues of the features' covariance.

    It is 1 if all features move together, and D if all D vary independently with equal variance.

    Args:
        features: `[N, D]`, of N examples.

    Example:
        >>> alike = torch.tensor([[0.0, 0.0], [1.0, 1.0]])
        >>> independent = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
        >>> participation_ratio(alike), participation_ratio(independent)
        (1.0, 2.0)
    """
    x = features.double() - features.double().mean(dim=0)
    # Both matrices have the same eigenvalues but for zeros: take the smaller one.
    gram = x @ x.T if len(x) < x.shape[1] else x.T @ x
    squares = gram.square().sum()
    return (gram.trace().square() / squares).item() if squares > 0 else 0.0


@torch.no_grad()
def participation_ratios(
    net: LayerLocalNet, data: ImageData, labels: Labels, *, grid: int | None = 4, precision: str = "float32"
) -> list[float]:
    """Return the participation ratio of each block's features: its activity, averaged over regions.

    If all filters of a block have learnt the same, it is far lower than with random filters.

    Args:
        net: the network.
        data: at least 2 images.
        labels: makes the input that carries no label.
        grid: maps are averaged to `grid x grid` regions; None takes every position.
        precision: precision of the activity.

    Example:
        >>> from convff import cnn3
        >>> from labels import FourierLabels
        >>> images = torch.randint(256, (20, 1, 8, 8)).byte()
        >>> data = ImageData(images, torch.arange(20) % 2, ("a", "b"), "noise")
        >>> ratios = participation_ratios(cnn3((1, 8, 8), width=4, kernel=3), data, FourierLabels(2, (8, 8)))
        >>> len(ratios), all(1 <= ratio <= 64 for ratio in ratios)
        (3, True)
    """
    found: dict[int, list[Tensor]] = {}

    def visit(index: int, block: Block, h: Tensor) -> Tensor:
        a: Tensor = block(h)
        pooled = a
        if grid is not None and a.ndim == 4:
            pooled = F.adaptive_avg_pool2d(a, (min(grid, a.shape[2]), min(grid, a.shape[3])))
        found.setdefault(index, []).append(pooled.flatten(1).float())
        return a

    with evaluating(net), autocast(data.images.device, precision):
        for images in data.images.split(250):
            net.route(labels.neutral(as_floats(images)), visit)
    return [participation_ratio(torch.cat(features)) for _, features in sorted(found.items())]
