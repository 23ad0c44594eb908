"""What places share that compare all classes of an image in one pass."""

import torch
from torch import Tensor

from convff.contrasts import Layout


def circle(targets: Tensor, num_classes: int) -> Tensor:
    """Return all classes, counted from the right one on and around: int64 `[B, K]`.

    Example:
        >>> circle(torch.tensor([1, 0]), 3)
        tensor([[1, 2, 0],
                [0, 1, 2]])
    """
    return (targets[:, None] + torch.arange(num_classes, device=targets.device)) % num_classes


def refuse_labelled_passes(layout: Layout, where: str) -> None:
    """Refuse more than one pass per image.

    Raises:
        ValueError: there is more than one pass per image, or a stream of labels beside the images.
    """
    if layout.passes != 1 or layout.stream:
        raise ValueError(
            f"with the label {where} an image takes one pass, not {layout.passes}: take a contrast without labels"
        )
