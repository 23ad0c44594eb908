"""Wrong labels drawn with given probabilities: what the sources of hard negatives share."""

import torch
from torch import Tensor


def draw_wrong(probabilities: Tensor, classes: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Draw different wrong classes for each image, one after another, each in proportion to its probability.

    Wrong class j arrives after `E_j / p_j`, where E_j is exponential with mean 1. The first to arrive is j with
    probability p_j, and so on among the rest (Efraimidis & Spirakis 2006).

    The draw is over the shifts 1 to K - 1 from the right class to a wrong one, modulo K, so it is never the right one,
    whatever the rounding.

    Args:
        probabilities: `[K, K]`, of wrong class j for right class y at `[y, j]`; the diagonal is ignored.
        classes: right classes, int64 `[B]`.
        count: wrong classes per image; at least this many must be possible.
        generator: the source of the draw, on the CPU.

    Returns:
        int64 `[B, count]`, on the device of `classes`.

    Example:
        >>> certain = torch.tensor([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
        >>> draw_wrong(certain, torch.tensor([0, 1, 2]), 1, torch.Generator()).flatten()
        tensor([2, 0, 1])
    """
    total = len(probabilities)
    shifts = torch.arange(1, total, device=classes.device)
    wrong = (classes[:, None] + shifts) % total  # (B, K - 1)
    p = probabilities.to(classes.device)[classes[:, None], wrong]
    waiting = -torch.log1p(-torch.rand(wrong.shape, generator=generator)).to(classes.device)
    arrival = (waiting / p).masked_fill(p == 0, torch.inf)
    return wrong.gather(1, arrival.topk(count, dim=1, largest=False).indices)


def uniform_wrong(num_classes: int) -> Tensor:
    """Return equal probabilities of all wrong classes, float64 `[K, K]`.

    Example:
        >>> uniform_wrong(3)[0].tolist()
        [0.0, 0.5, 0.5]
    """
    equal = torch.full((num_classes, num_classes), 1 / (num_classes - 1), dtype=torch.float64)
    return equal.fill_diagonal_(0)


def check_count(count: int, num_classes: int) -> None:
    """Raise unless there are `count` wrong classes.

    Raises:
        ValueError: `count` is less than 1 or greater than K - 1.
    """
    if count < 1:
        raise ValueError(f"an image needs at least 1 wrong label, got {count}")
    if count > num_classes - 1:
        raise ValueError(f"{count} wrong labels per image, but there are {num_classes - 1} wrong classes")


def check_classes(num_classes: int, expected: int) -> None:
    """Raise unless probabilities are for the classes of the labels.

    Raises:
        ValueError: they are for another number of classes.
    """
    if num_classes != expected:
        raise ValueError(f"the wrong labels are for {expected} classes, got {num_classes}")
