"""Inference over the readout's candidates, and its cost in accuracy; trains for some minutes.

The task of 100 classes is made from scikit-learn's digits, which need no download: two digits per image, one in each
channel, so that neither a position nor one digit tells the class. Goodness can learn it.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from convff import (
    ForwardForward,
    ImageData,
    LabelContrast,
    LayerLocalNet,
    LinearReadout,
    RandomNegatives,
    Schedule,
    Softmax,
    Trainer,
    block_goodness_of,
    cnn3,
    keyed_generator,
    mlp,
    predictions,
)
from experiments.benchmarks.bench import Bench, Row
from experiments.candidates import compared
from experiments.datasets import load_dataset
from labels import ChannelLabels, LabelGenerator, LayerwiseLabels

PAIRS = 100
SIZE = (8, 8)


@dataclass(frozen=True)
class _Task:
    """A network to train on pairs of digits, and where its inference starts."""

    name: str
    net: Callable[[], LayerLocalNet]
    labels: LabelGenerator
    epochs: int
    first: int


def measure(bench: Bench) -> list[Row]:
    """Measure goodness inference over 100 pairs of digits: accuracy and time with all labels and with candidates."""
    digits = load_dataset("digits", None)
    train, test = (
        pairs_of(part, count, name).to(bench.device)
        for part, count, name in (
            (digits.train, 200 if bench.small else 20_000, "train"),
            (digits.test, 50 if bench.small else 2_000, "test"),
        )
    )
    return [row for task in _tasks(bench) for row in _measured(bench, task, train, test)]


def pairs_of(digits: ImageData, count: int, name: str) -> ImageData:
    """Return images of two random digits, one per channel: uint8 `[count, 2, 8, 8]`, class `10 first + second`.

    Example:
        >>> digits = ImageData(torch.zeros(5, 1, 8, 8, dtype=torch.uint8), torch.arange(5), tuple("01234"), "five")
        >>> pairs_of(digits, 3, "example").images.shape
        torch.Size([3, 2, 8, 8])
    """
    generator = keyed_generator(0, f"pairs of digits, {name}")
    first, second = torch.randint(len(digits), (2, count), generator=generator)
    images = torch.cat([digits.images[first], digits.images[second]], dim=1)
    classes = 10 * digits.classes[first] + digits.classes[second]
    return ImageData(images, classes, tuple(f"{pair:02d}" for pair in range(PAIRS)), "pairs of digits")


def _tasks(bench: Bench) -> list[_Task]:
    width, units = (4, 16) if bench.small else (64, 500)
    shape = (2 + PAIRS, *SIZE)

    def convolutions() -> LayerLocalNet:
        return cnn3(shape, width=width, kernel=5)

    def dense() -> LayerLocalNet:
        return mlp(shape, widths=(units, units), label_channels=PAIRS, label_scale=0.3)

    return [
        _Task("cnn3, channel labels", convolutions, ChannelLabels(PAIRS, SIZE), 3, 0),
        _Task("mlp, layerwise labels", dense, LayerwiseLabels(PAIRS, SIZE), 4, 0),
    ]


def _measured(bench: Bench, task: _Task, train: ImageData, test: ImageData) -> list[Row]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = task.net().to(bench.device)
    trainer = Trainer(
        net,
        task.labels,
        ForwardForward(gate=Softmax(scale=30.0)),
        schedule=Schedule(epochs=1 if bench.small else task.epochs, batch_size=64),
        contrast=LabelContrast(task.labels, RandomNegatives(3)),
        precision=bench.precision,
    )
    for _ in trainer.fit(train):
        pass
    readout = LinearReadout(net, task.labels, train.shape, first=1)
    readout.fit(train.part(0, 10_000), precision=bench.precision)

    def predicted(count: int, images: int | None = None) -> Tensor:
        some = test.part(0, images)
        candidates = readout.candidates(some, count, precision=bench.precision) if count < PAIRS else None
        by_block = block_goodness_of(net, some, task.labels, candidates=candidates, precision=bench.precision)
        return predictions(by_block, range(task.first, len(net)), candidates)

    found = compared(predicted, test.classes, [PAIRS, 20, 10, 5])
    return [{"network": task.name, **row, "images/s": len(test) / row["seconds"]} for row in found]
