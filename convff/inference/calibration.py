"""Batch-norm statistics of a network that was not trained."""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.optim.swa_utils import update_bn

from convff.contrasts import Contrast
from convff.data import Batch, ImageData, as_floats
from convff.machine.precision import autocast
from convff.network import LayerLocalNet
from convff.randomness import keyed_generator


@torch.no_grad()
def calibrate(
    net: LayerLocalNet,
    contrast: Contrast,
    data: ImageData,
    *,
    batch_size: int,
    batches: int = 30,
    precision: str = "float32",
) -> None:
    """Set batch norm's running statistics to their mean over the passes of a training, e.g. right and wrong labels.

    An untrained network is a fair control only with running statistics of its own: the initial ones mean nothing. No
    weight changes.

    Args:
        net: the network; the statistics of its batch norms are replaced.
        contrast: makes the passes of the training.
        data: the images; batches start from the first.
        batch_size: images per batch.
        batches: maximum number of batches.
        precision: precision of the activities.

    Example:
        >>> from convff import LabelContrast, cnn6
        >>> from labels import FourierLabels
        >>> data = ImageData(torch.full((4, 1, 8, 8), 255).byte(), torch.tensor([0, 1, 0, 1]), ("a", "b"), "white")
        >>> net = cnn6((1, 8, 8), widths=(4,))
        >>> calibrate(net, LabelContrast(FourierLabels(2, (8, 8), intensity=0.0)), data, batch_size=2)
        >>> net.blocks[0].norm.running_mean
        tensor([1.])
    """
    with autocast(data.images.device, precision):
        update_bn(_passes(contrast, data, batch_size, batches), net)


def _passes(contrast: Contrast, data: ImageData, batch_size: int, batches: int) -> Iterator[Tensor]:
    """Yield the inputs `[N, C', H, W]` of batch after batch."""
    for step, images in enumerate(data.images.split(batch_size)[:batches]):
        classes = data.classes[step * batch_size :][: len(images)]
        yield contrast(Batch(as_floats(images), classes), keyed_generator(0, "calibration", step)).inputs
