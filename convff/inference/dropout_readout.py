"""A linear readout with dropout, trained on frozen features: SoftHebb's published classifier."""

import torch
from torch import Tensor, nn

from convff.cross_entropy import softmax_error
from convff.data import ImageData, epoch_batches
from convff.dropout import dropout
from convff.inference.readout import LinearReadout
from convff.machine.memory import require_memory
from convff.randomness import keyed_generator

EPOCHS, BATCH, RATE, SHARE = 50, 64, 1e-3, 0.5
HALVED_AT = (0.2, 0.35, 0.5, 0.6, 0.7, 0.8, 0.9)  # shares of the epochs after which the rate is halved
LARGEST_START = 0.1105  # initial weights are uniform in [0, this)
FEATURES = torch.bfloat16  # of all images at once: 49,000 x 24,576 of them take 2.4 GB


def rate_at(epoch: int, epochs: int = EPOCHS) -> float:
    """Return the rate of an epoch, counted from 0.

    Example:
        >>> [rate_at(epoch) for epoch in (0, 9, 10, 49)]
        [0.001, 0.001, 0.0005, 7.8125e-06]
    """
    return RATE * 0.5 ** sum(epoch >= share * epochs for share in HALVED_AT)


def features_in_bytes(readout: LinearReadout, images: int) -> int:
    """Return the bytes that the features of a number of images take."""
    return images * readout.linear.in_features * FEATURES.itemsize


@torch.no_grad()
def fit_with_dropout(
    readout: LinearReadout, data: ImageData, *, seed: int = 0, precision: str = "float32", epochs: int = EPOCHS
) -> None:
    """Fit a readout to the current network by Adam, with half of the features dropped at random in every step.

    50 epochs of batches of 64, rate 1e-3, halved seven times; weights start uniform in [0, 0.1105). The network is in
    evaluation mode and does not learn, so its features are computed once.

    Args:
        readout: the readout; its linear layer is trained from its start.
        data: the images.
        seed: key of all draws.
        precision: precision of the network's activity.
        epochs: number of epochs.

    Raises:
        ValueError: the features would take more than half of the free memory.

    Reference:
        Journe et al. 2023 (SoftHebb), and its public code.
    """
    linear, device = readout.linear, data.images.device
    require_memory(features_in_bytes(readout, len(data)), device, "the readout's features: fewer training images")
    features = readout.features_of(data, precision=precision, dtype=FEATURES)
    start = torch.rand(linear.weight.shape, generator=keyed_generator(seed, "readout"))
    linear.weight.copy_(LARGEST_START * start)
    linear.bias.zero_()
    optimizer = torch.optim.Adam(linear.parameters(), lr=RATE)
    for epoch in range(epochs):
        optimizer.param_groups[0]["lr"] = rate_at(epoch, epochs)
        for step, indices in enumerate(epoch_batches(len(data), BATCH, seed=seed, epoch=epoch)):
            batch = indices.to(device)
            dropped = dropout(features[batch].float(), SHARE, keyed_generator(seed, "dropout", epoch, step))
            linear.weight.grad, linear.bias.grad = cross_entropy_direction(linear, dropped, data.classes[batch])
            optimizer.step()


def cross_entropy_direction(linear: nn.Linear, x: Tensor, classes: Tensor) -> tuple[Tensor, Tensor]:
    """Return the gradient of the mean cross-entropy by weight `[K, D]` and bias `[K]`, without a graph.

    `dW = (softmax(W x + b) - onehot)^T x / N`: half of the time that automatic differentiation takes.

    Args:
        linear: the layer.
        x: its inputs `[N, D]`.
        classes: int64 `[N]`.

    Example:
        >>> linear = nn.Linear(1, 2)
        >>> _ = linear.weight.data.zero_(), linear.bias.data.zero_()
        >>> cross_entropy_direction(linear, torch.ones(1, 1), torch.tensor([1]))[0].flatten().tolist()
        [0.5, -0.5]
    """
    scores = torch.addmm(linear.bias.detach(), x, linear.weight.detach().T)
    error = softmax_error(scores.log_softmax(dim=1), classes) / len(x)
    return error.T @ x, error.sum(dim=0)
