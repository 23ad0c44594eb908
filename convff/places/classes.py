"""Helpers of places that compare all classes of an image in one pass."""

import torch
from torch import Tensor

from convff.contrasts import Layout


def circle(targets: Tensor, num_classes: int) -> Tensor:
    """Return all classes in cyclic order, the right one first: int64 `[B, K]`.

    Example:
        >>> circle(torch.tensor([1, 0]), 3)
        tensor([[1, 2, 0],
                [0, 1, 2]])
    """
    return (targets[:, None] + torch.arange(num_classes, device=targets.device)) % num_classes


def right_first(by_class: Tensor, targets: Tensor) -> Tensor:
    """Return values `[B, K]` in the order of the gate: the right class first, then the others in cyclic order.

    Example:
        >>> right_first(torch.tensor([[5.0, 6.0, 7.0]]), torch.tensor([1]))
        tensor([[6., 7., 5.]])
    """
    return by_class.gather(1, circle(targets, by_class.shape[1]))


def by_class(ordered: Tensor, targets: Tensor) -> Tensor:
    """Return values `[B, K]` in the order of the classes: the inverse of `right_first`.

    Example:
        >>> by_class(torch.tensor([[6.0, 7.0, 5.0]]), torch.tensor([1]))
        tensor([[5., 6., 7.]])
    """
    return torch.empty_like(ordered).scatter_(1, circle(targets, ordered.shape[1]), ordered)


def refuse_labelled_passes(layout: Layout, where: str) -> None:
    """Raise unless there is one pass per image and no stream of labels.

    Raises:
        ValueError: there is more than one pass per image, or a stream of labels beside the images.
    """
    if layout.passes != 1 or layout.stream:
        raise ValueError(
            f"with the label {where} an image takes one pass and no label images, got {layout.passes} passes: "
            "use a contrast without labels"
        )
