"""The usual activity of what a readout reads: the reference of maps that show what is special about an image."""

import torch
from torch import Tensor

from convff.data import ImageData, as_floats
from convff.inference.readout import LinearReadout
from convff.network import evaluating

IMAGES = 1000


@torch.no_grad()
def usual_activity_of(readout: LinearReadout, data: ImageData, *, batch: int = 100) -> list[Tensor]:
    """Return the mean activity `[C, h, w]`, or `[D]`, of every block that a readout reads.

    Args:
        readout: the readout, with its network.
        data: images; the first 1,000 are taken, without their classes.
        batch: number of images per pass.

    Raises:
        ValueError: there is no image.

    Example:
        >>> from convff import cnn3
        >>> from labels import NoLabels
        >>> data = ImageData(torch.zeros(3, 1, 8, 8).byte(), torch.tensor([0, 1, 0]), ("a", "b"), "dark")
        >>> readout = LinearReadout(cnn3((1, 8, 8), width=4, kernel=3), NoLabels(2), (1, 8, 8))
        >>> [tuple(each.shape) for each in usual_activity_of(readout, data)]
        [(4, 8, 8), (4, 8, 8)]
    """
    images = data.images[:IMAGES]
    if not len(images):
        raise ValueError("the usual activity needs at least one image")
    sums: list[Tensor] = []
    with evaluating(readout.net):
        for part in images.split(batch):
            neutral = readout.labels.neutral(as_floats(part)).contiguous(memory_format=torch.channels_last)
            read = [a.sum(dim=0) for a in readout.net(neutral)[readout.first :]]
            sums = [a + b for a, b in zip(sums, read, strict=True)] if sums else read
    return [each / len(images) for each in sums]
