"""The equations of class activation maps, of a linear readout and of goodness, as pure functions.

Legend: B images; K classes; C channels; (h, w) a layer's map; (H, W) the image; g = dt/dscores `[B, K]`, the gradient
of the target with respect to the scores (for a class score: a one-hot row).

Sources: Zhou et al. 2016, "Learning deep features for discriminative localization" (CAM); Scodellaro et al. 2025,
"Explainable AI: class activation maps"; Draelos & Carin 2020, "Use HiResCAM instead of Grad-CAM".
"""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

Target = Callable[[Tensor], Tensor]
"""What a map explains: a number made of the scores `[K]` of one image. See `pytorch_grad_cam.utils.model_targets`."""


def regions(a: Tensor, grid: int | None) -> Tensor:
    """Average activity over a grid of regions of each map; leave it unchanged if `grid` is None.

    Args:
        a: activity `[B, C, h, w]`, or `[B, D]` of a dense layer, which has no positions and is left unchanged.
        grid: regions per side; at most one per position.

    Returns:
        `[B, C, min(grid, h), min(grid, w)]`, or `a` itself.

    Example:
        >>> regions(torch.arange(4.0).view(1, 1, 1, 4), 2)
        tensor([[[[0.5000, 2.5000]]]])
    """
    if a.ndim == 2 or grid is None:
        return a
    height, width = (min(grid, side) for side in a.shape[-2:])
    return F.adaptive_avg_pool2d(a, (height, width))


def pooling_matrix(size: int, grid: int, like: Tensor) -> Tensor:
    """Return the average over regions of one axis as a matrix `[grid, size]`.

    Regions overlap if `grid` does not divide `size`.

    Example:
        >>> pooling_matrix(3, 2, torch.empty(0))
        tensor([[0.5000, 0.5000, 0.0000],
                [0.0000, 0.5000, 0.5000]])
    """
    unit = torch.eye(size, dtype=like.dtype, device=like.device)
    return F.adaptive_avg_pool1d(unit[None], grid)[0].T  # column i of unit, averaged, is column i of the matrix


def position_weights(v: Tensor, size: tuple[int, int], grid: int | None) -> Tensor:
    """Turn the weights of a readout of regions into weights of every position: `regions` transposed.

    `sum(v * regions(a)) == sum(position_weights(v) * a)`: a region's weight is divided among its positions,
    and a position in two regions gets a part of both.

    Args:
        v: weights of one layer's features `[B, C * h' * w']`, h' and w' the regions.
        size: h and w of the layer's map.
        grid: the `grid` of the readout.

    Returns:
        `[B, C, h, w]`.

    Example:
        >>> position_weights(torch.tensor([[4.0, 8.0]]), (1, 4), 2)
        tensor([[[[2., 2., 4., 4.]]]])
    """
    height, width = size
    if grid is None:
        return v.view(len(v), -1, height, width)
    rows, columns = min(grid, height), min(grid, width)
    down = pooling_matrix(height, rows, v)  # (h', h)
    across = pooling_matrix(width, columns, v)  # (w', w)
    return down.T @ v.view(len(v), -1, rows, columns) @ across


def spread_to_image(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """Spread maps `[B, h, w]` to the size of the image, keeping the sum of each.

    Every position's share is spread over the pixels near it, with bilinear weights that sum to one; positions are taken
    as the centres of equal cells of the image, as in resizing. Plain resizing would multiply the sum by the ratio of
    the areas, so that coarse layers would look stronger than they are.

    Example:
        >>> spread_to_image(torch.tensor([[[1.0, 3.0]]]), (1, 4))
        tensor([[[0.5000, 0.7500, 1.2500, 1.5000]]])
    """
    height, width = size
    return _spreading(maps.shape[1], height, maps) @ maps @ _spreading(maps.shape[2], width, maps).T


def _spreading(size: int, pixels: int, like: Tensor) -> Tensor:
    """Return `[pixels, size]`: how much of each position goes to each pixel; columns sum to one."""
    unit = torch.eye(size, dtype=like.dtype, device=like.device)
    resized = F.interpolate(unit[None, None], size=(pixels, size), mode="bilinear", antialias=True)[0, 0]
    return resized / resized.sum(dim=0)


def target_gradient(scores: Tensor, targets: Sequence[Target]) -> Tensor:
    """Return the gradient g `[B, K]` of the targets with respect to the scores `[B, K]`; needs no graph.

    Raises:
        ValueError: not one target per image.

    Example:
        >>> target_gradient(torch.zeros(1, 3), [lambda scores: scores[2] - scores[0]])
        tensor([[-1.,  0.,  1.]])
    """
    if len(targets) != len(scores):
        raise ValueError(f"there must be one target for each of {len(scores)} images, got {len(targets)}")
    with torch.enable_grad():
        leaf = scores.detach().clone().requires_grad_()
        explained = total(leaf, targets)
        (gradient,) = torch.autograd.grad(explained, leaf)
    return gradient


def total(scores: Tensor, targets: Sequence[Target]) -> Tensor:
    """Return the sum of the targets over the images, so that one backward pass serves all of them.

    Example:
        >>> total(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), [torch.max, torch.min])
        tensor(5.)
    """
    return torch.stack([target(row).sum() for target, row in zip(targets, scores, strict=True)]).sum()


def mean_contribution(a: Tensor) -> Tensor:
    """Return what each unit adds to goodness as a mean of squares, so that layers of any size have the same weight.

    Args:
        a: activity `[N, ...]`, with at least one sample.

    Returns:
        `a^2 / D`, in the shape of `a`; D is the number of units per sample. At least 0.

    Raises:
        IndexError: there is no sample.

    Example:
        >>> mean_contribution(torch.tensor([[1.0, 3.0]]))
        tensor([[0.5000, 4.5000]])

    Reference:
        Hinton 2022, "The Forward-Forward Algorithm", section 2, with the mean instead of the sum.
    """
    return a.square() / a[0].numel()


def sum_contribution(a: Tensor) -> Tensor:
    """Return what each unit adds to goodness as a sum of squares.

    Args:
        a: activity `[N, ...]`.

    Returns:
        `a^2`, in the shape of `a`. At least 0.

    Example:
        >>> sum_contribution(torch.tensor([[1.0, 3.0]]))
        tensor([[1., 9.]])

    Reference:
        Hinton 2022, "The Forward-Forward Algorithm", section 2.
    """
    return a.square()
