"""Judging a trained network: two kinds of inference, the control beside them, and the probes for shortcuts."""

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor

from convff import ImageData, LayerLocalNet, LinearReadout, Trainer
from convff.data import as_floats
from convff.inference import block_goodness, block_goodness_of, predictions
from convff.passes import label_passes
from convff.precision import autocast
from convff.rules.bp import BackpropStep
from experiments.prepare import Parts

CALIBRATION_BATCHES = 30


@dataclass(frozen=True, kw_only=True)
class Goodness:
    """What goodness inference says of a network on some images.

    Args:
        accuracy: of the sum over all blocks but the first, in [0, 1].
        by_block: accuracy of each block alone.
        discrimination: for each block, how often the right label of an image has more goodness than a wrong one.
        predicted: predicted classes `[N]`.
        label_spread: for each block, the mean over images of the standard deviation of goodness over labels.
    """

    accuracy: float
    by_block: list[float]
    discrimination: list[float]
    predicted: Tensor
    label_spread: Tensor


def judge_goodness(parts: Parts, net: LayerLocalNet, data: ImageData) -> Goodness:
    """Goodness inference on images; their classes are used only to count what came out right."""
    by_block = block_goodness_of(net, data, parts.labels, goodness=parts.goodness, precision=parts.precision)
    predicted = predictions(by_block, range(min(1, len(net) - 1), len(net)))
    return Goodness(
        accuracy=share_right(predicted, data.classes),
        by_block=[share_right(scores.argmax(dim=1), data.classes) for scores in by_block],
        discrimination=discrimination(by_block, data.classes).tolist(),
        predicted=predicted,
        label_spread=by_block.std(dim=2).mean(dim=1),
    )


def share_right(predicted: Tensor, classes: Tensor) -> float:
    """Accuracy in [0, 1]."""
    return (predicted == classes).float().mean().item()


def discrimination(by_block: Tensor, classes: Tensor) -> Tensor:
    """Share of (right, wrong) label pairs in which the right one has more goodness, `[blocks]`.

    Args:
        by_block: goodness `[blocks, N, K]`.
        classes: right classes `[N]`.
    """
    right = by_block.gather(2, classes.expand(len(by_block), -1)[:, :, None])  # (L, N, 1)
    wins = (right > by_block).float() + 0.5 * (right == by_block)  # a tie counts half; the right label ties with itself
    return (wins.sum(dim=(1, 2)) - 0.5 * len(classes)) / (len(classes) * (by_block.shape[2] - 1))


def label_only_probe(parts: Parts, net: LayerLocalNet, real: Goodness) -> dict[str, list[float]]:
    """Whether a label changes goodness where there is nothing to see.

    On a blank (mid-gray) image no label is right, so a network that judges how label and image fit gives all labels
    the same goodness. `label_bias` is the spread of goodness over labels on a blank image, over that on real images:
    0 is ideal, and at 1 the label alone moves goodness as much as label and image together, which is a shortcut.
    `discrimination` counts blank images that carry the judged images' labels; anything but 0.5 would be a leak.
    """
    blank = torch.full_like(as_floats(parts.judged.images[:1]), 0.5)
    with autocast(parts.device, parts.precision):
        by_block = block_goodness(net, blank, parts.labels, goodness=parts.goodness)
    spread = by_block.std(dim=2)[:, 0] / real.label_spread.clamp_min(torch.finfo(torch.float32).tiny)
    everywhere = by_block.expand(-1, len(parts.judged), -1)
    return {
        "label_bias": spread.tolist(),
        "discrimination": discrimination(everywhere, parts.judged.classes).tolist(),
    }


def judge_readout(parts: Parts, readout: LinearReadout, *, fit: bool) -> tuple[float, Tensor]:
    """Accuracy of a readout and its predictions `[N]`; fitted first, to the trained network, if asked."""
    if fit:
        readout.fit(parts.train.part(0, parts.recipe.readout_images), precision=parts.precision)
    features = readout.features_of(parts.judged, precision=parts.precision)
    predicted = readout.linear(features).argmax(dim=1)
    return share_right(predicted, parts.judged.classes), predicted


def judge_head(parts: Parts, trainer: Trainer) -> tuple[float, Tensor]:
    """Accuracy of the softmax head that backpropagation trained, and its predictions `[N]`."""
    assert isinstance(trainer.step, BackpropStep)
    trainer.net.eval()
    with torch.no_grad(), autocast(parts.device, parts.precision):
        batches = [trainer.step.scores(as_floats(batch)) for batch in parts.judged.images.split(256)]
    predicted = torch.cat(batches).argmax(dim=1)
    return share_right(predicted, parts.judged.classes), predicted


def untrained_control(parts: Parts) -> float:
    """Accuracy of the same readout on the same network before training: what random filters are worth.

    Batch norm needs running statistics, so labelled training images go through the network, and change nothing else.
    """
    net = parts.new_net()
    calibrate(parts, net)
    accuracy, _ = judge_readout(parts, parts.new_readout(net), fit=True)
    return accuracy


@torch.no_grad()
def calibrate(parts: Parts, net: LayerLocalNet) -> None:
    """Let batch norm see some labelled training images."""
    net.train()
    size = parts.recipe.batch_size
    for start in range(0, min(CALIBRATION_BATCHES * size, len(parts.train) - size + 1), size):
        batch = parts.train.part(start, start + size)
        with autocast(parts.device, parts.precision):
            net(label_passes(parts.labels, as_floats(batch.images), batch.classes[:, None]))


@dataclass(kw_only=True)
class Judgement:
    """All figures of a run, as `results.json` has them; `predicted` is what the confusion matrix shows."""

    accuracy: dict[str, float | None] = field(default_factory=lambda: {"goodness": None, "linear": None})
    control: dict[str, float | None] = field(default_factory=lambda: {"untrained_linear": None})
    per_layer: dict[str, list[float]] = field(default_factory=dict)
    label_only_probe: dict[str, list[float]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    predicted: Tensor = field(default_factory=lambda: torch.empty(0))


def everything(parts: Parts, trainer: Trainer, readout: LinearReadout, *, fit: bool) -> Judgement:
    """Judge a trained network by every kind of inference that the settings ask for and its rule knows.

    Args:
        parts: the parts of the run.
        trainer: has the trained network.
        readout: reads it.
        fit: fit the readout first; False where it was trained beside the blocks.
    """
    judgement = Judgement()
    inference, backprop = parts.settings.inference, parts.settings.rule == "bp"
    if inference != "goodness" or backprop:
        with _timed(judgement.seconds, "readout"):
            judgement.accuracy["linear"], judgement.predicted = judge_readout(parts, readout, fit=fit)
        with _timed(judgement.seconds, "control"):
            judgement.control["untrained_linear"] = untrained_control(parts)
    if backprop:
        judgement.accuracy["head"], judgement.predicted = judge_head(parts, trainer)
    elif inference != "linear":
        with _timed(judgement.seconds, "goodness"):
            goodness = judge_goodness(parts, trainer.net, parts.judged)
        judgement.accuracy["goodness"], judgement.predicted = goodness.accuracy, goodness.predicted
        judgement.per_layer = {"discrimination": goodness.discrimination, "accuracy": goodness.by_block}
        judgement.label_only_probe = label_only_probe(parts, trainer.net, goodness)
    return judgement


@contextlib.contextmanager
def _timed(seconds: dict[str, float], name: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    seconds[name] = time.perf_counter() - start
