"""What the small experiments share: images, a network of dense layers, a training, and three numbers to judge it by."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch

from convff import (
    INITIAL_WEIGHTS,
    ForwardForward,
    ImageData,
    LayerLocalNet,
    LinearReadout,
    Schedule,
    Threshold,
    Trainer,
    block_goodness_of,
    mlp,
    predictions,
    stop_if_diverged,
)
from experiments.datasets import DataError, Dataset
from labels import OneHotLabels

Measures = dict[str, list[float]]
"""Values by name, one per seed."""

Result = dict[str, Any]
"""What an experiment found, as plain numbers: `rows` of its table, and what else its figure shows."""

LEAST_IMAGES = 50
MOST_HELD_OUT = 5_000


class Images(NamedTuple):
    """The images of an experiment.

    Args:
        train: to learn from.
        validation: to choose rates by; never learnt from.
        judged: to report on: the same, or the test images.
        judged_on: what those are, in words.
    """

    train: ImageData
    validation: ImageData
    judged: ImageData
    judged_on: str


@dataclass(frozen=True, kw_only=True)
class Training:
    """How the networks of an experiment are trained: dense layers of equal width, the label in the first pixels.

    Args:
        width: units per layer.
        depth: number of layers.
        epochs: passes over the images.
        batch_size: images per step.
        optimizer: see `Schedule`. Adam, by default, takes no account of the scale of goodness, which differs between
            what these experiments compare.
        lr: learning rate.
        momentum: see `Schedule`.
        decay: see `Schedule`.
        seeds: number of networks, with seeds 0, 1, ...
    """

    width: int = 500
    depth: int = 2
    epochs: int = 10
    batch_size: int = 100
    optimizer: str = "adam"
    lr: float = 1e-3
    momentum: float = 0.9
    decay: str = "cooldown"
    seeds: int = 1


def images_of(dataset: Dataset, count: int, evaluate_on: str) -> Images:
    """Split a data set: the first images to learn from, the last 5,000 (a fifth at most) to validate.

    Args:
        dataset: the data.
        count: number of images to learn from; fewer if there are not as many.
        evaluate_on: "validation" or "test".

    Raises:
        DataError: there are too few images.

    Example:
        >>> data = ImageData(torch.zeros(100, 1, 4, 4, dtype=torch.uint8), torch.arange(100) % 2, ("a", "b"), "toy")
        >>> images = images_of(Dataset(data, data, source="made up", is_stand_in=False), 60, "validation")
        >>> len(images.train), len(images.validation), images.judged_on
        (60, 20, '20 validation images')
    """
    total = len(dataset.train)
    if total < LEAST_IMAGES:
        raise DataError(f"{dataset.source}: there are {total} training images; at least {LEAST_IMAGES} are needed")
    held_out = min(MOST_HELD_OUT, total // 5)
    validation = dataset.train.part(total - held_out, None)
    judged = validation if evaluate_on == "validation" else dataset.test
    train = dataset.train.part(0, min(count, total - held_out))
    return Images(train, validation, judged, f"{len(judged)} {evaluate_on} images")


def plain_rule(**options: Any) -> ForwardForward:
    """Return Hinton's rule: the sum of squares against a threshold of the number of units.

    Example:
        >>> plain_rule().reduction
        'sum'
    """
    chosen: dict[str, Any] = {"gate": Threshold(scale=1.0), "reduction": "sum"} | options
    return ForwardForward(**chosen)


def new_net(training: Training, images: Images, seed: int, **options: Any) -> LayerLocalNet:
    """Return an untrained network, its weights by the seed alone.

    Args:
        training: its layers.
        images: what it is for.
        seed: key of its weights.
        options: of `mlp`.
    """
    with torch.random.fork_rng(devices=[]):  # new layers draw from global randomness
        torch.manual_seed(seed)
        net = mlp(images.train.shape, widths=(training.width,) * training.depth, **options)
        INITIAL_WEIGHTS["normal"](net)
    return net


def labels_of(images: Images) -> OneHotLabels:
    """Return the labels of an experiment: the first pixels of the image."""
    return OneHotLabels(images.train.num_classes)


def trainer_of(net: LayerLocalNet, rule: Any, training: Training, images: Images, seed: int) -> Trainer:
    """Return the trainer of a network."""
    schedule = Schedule(
        epochs=training.epochs,
        batch_size=training.batch_size,
        optimizer=training.optimizer,
        lr=training.lr,
        momentum=training.momentum,
        decay=training.decay,
    )
    return Trainer(net, labels_of(images), rule, schedule=schedule, seed=seed)


def learn(net: LayerLocalNet, rule: Any, training: Training, images: Images, seed: int) -> LayerLocalNet:
    """Train a network to the end, and return it.

    Raises:
        DivergedError: a number is not finite.
    """
    for record in trainer_of(net, rule, training, images, seed).fit(images.train):
        stop_if_diverged(record.epoch, record.metrics, blocks=record.blocks)
    return net


def by_goodness(net: LayerLocalNet, rule: Any, data: ImageData) -> float:
    """Return the accuracy by goodness in per cent, of all layers but the first."""
    found = block_goodness_of(net, data, OneHotLabels(data.num_classes), goodness=rule.goodness)
    predicted = predictions(found, range(min(1, len(net) - 1), len(net)))
    return percent_right(predicted, data)


def new_readout(net: LayerLocalNet, images: Images) -> LinearReadout:
    """Return a readout of all layers but the first, which is still to learn."""
    return LinearReadout(net, labels_of(images), images.train.shape, first=min(1, len(net) - 1))


def by_readout(net: LayerLocalNet, images: Images) -> float:
    """Return the accuracy in per cent of a readout that is fitted to the training images."""
    readout = new_readout(net, images)
    readout.fit(images.train)
    return percent_right(readout.predict(images.judged), images.judged)


def percent_right(predicted: torch.Tensor, data: ImageData) -> float:
    """Return how many predictions are right, in per cent.

    Example:
        >>> data = ImageData(torch.zeros(2, 1, 4, 4, dtype=torch.uint8), torch.tensor([0, 1]), ("a", "b"), "toy")
        >>> percent_right(torch.tensor([1, 1]), data)
        50.0
    """
    return 100 * (predicted == data.classes).double().mean().item()


def over_seeds(measure: Callable[[int], dict[str, float]], seeds: int) -> Measures:
    """Return the values of each measure, one per seed.

    Example:
        >>> over_seeds(lambda seed: {"double": 2.0 * seed}, 3)
        {'double': [0.0, 2.0, 4.0]}
    """
    found = [measure(seed) for seed in range(seeds)]
    return {name: [each[name] for each in found] for name in found[0]}
