"""Batch-norm statistics of a network that was not trained."""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.optim.swa_utils import update_bn

from convff.data import ImageData, as_floats
from convff.labelling import Labels, label_passes
from convff.machine.precision import autocast
from convff.network import LayerLocalNet
from convff.randomness import keyed_generator
from convff.training.negatives import RandomNegatives


@torch.no_grad()
def calibrate(
    net: LayerLocalNet,
    labels: Labels,
    data: ImageData,
    *,
    batch_size: int,
    batches: int = 30,
    precision: str = "float32",
) -> None:
    """Let batch norm see labelled images, right and wrong as in training, and take their plain mean.

    An untrained network is a fair control only with running statistics of its own: those that it starts from say
    nothing. No weight changes.

    Args:
        net: the network; the statistics of its batch norms are replaced.
        labels: the label generator.
        data: the images to see, from the first on.
        batch_size: images per batch.
        batches: number of batches at most.
        precision: of the activities.

    Example:
        >>> from convff import cnn6
        >>> from labels import FourierLabels
        >>> data = ImageData(torch.full((4, 1, 8, 8), 255).byte(), torch.tensor([0, 1, 0, 1]), ("a", "b"), "white")
        >>> net = cnn6((1, 8, 8), widths=(4,))
        >>> calibrate(net, FourierLabels(2, (8, 8), intensity=0.0), data, batch_size=2)
        >>> net.blocks[0].norm.running_mean
        tensor([1.])
    """
    with autocast(data.images.device, precision):
        update_bn(_labelled(labels, data, batch_size, batches), net)


def _labelled(labels: Labels, data: ImageData, batch_size: int, batches: int) -> Iterator[Tensor]:
    """Yield batches `[B*2, C', H, W]` of images with the right label and a wrong one."""
    for step, images in enumerate(data.images.split(batch_size)[:batches]):
        classes = data.classes[step * batch_size :][: len(images)]
        wrong = RandomNegatives()(classes, labels.num_classes, keyed_generator(0, "calibration", step))
        yield label_passes(labels, as_floats(images), torch.stack([classes, wrong[:, 0]], dim=1))
