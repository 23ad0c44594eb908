"""Judging a trained network: two kinds of inference, the control beside them, and the probes for shortcuts."""

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor

from convff import ImageData, LayerLocalNet, LinearReadout, RandomNegatives
from convff.data import as_floats
from convff.inference.goodness import block_goodness, block_goodness_of, predictions
from convff.labelling import label_passes
from convff.machine.precision import autocast
from convff.randomness import keyed_generator
from convff.rules.bp import Head, head_scores
from experiments.run.parts import Parts, untrained

CALIBRATION_BATCHES = 30
PROBED = 500


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


def judge_goodness(parts: Parts, net: LayerLocalNet, data: ImageData, candidates: Tensor | None = None) -> Goodness:
    """Goodness inference on images; their classes are used only to count what came out right.

    Args:
        parts: the parts of the run.
        net: the network.
        data: the images.
        candidates: int64 `[N, M]`, the labels to try for each image; all if left out. Discrimination and spread are
            about all labels: they are then measured on the first `PROBED` images.
    """
    by_block = block_goodness_by(parts, net, data, candidates)
    of_all = by_block if candidates is None else block_goodness_by(parts, net, data.part(0, PROBED))
    predicted = predictions(by_block, range(parts.first_block(net), len(net)), candidates)
    alone = [predictions(by_block, [block], candidates) for block in range(len(net))]
    return Goodness(
        accuracy=share_right(predicted, data.classes),
        by_block=[share_right(prediction, data.classes) for prediction in alone],
        discrimination=discrimination(of_all, data.classes[: of_all.shape[1]]).tolist(),
        predicted=predicted,
        label_spread=of_all.std(dim=2).mean(dim=1),
    )


def block_goodness_by(parts: Parts, net: LayerLocalNet, data: ImageData, candidates: Tensor | None = None) -> Tensor:
    """Goodness `[blocks, N, K]` as the run's rule and precision have it; `[blocks, N, M]` of candidates `[N, M]`."""
    return block_goodness_of(
        net, data, parts.labels, candidates=candidates, goodness=parts.goodness, precision=parts.precision
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

    On a blank image no label is right, so a network that judges how label and image fit gives all labels the same
    goodness. `label_bias` is the spread of goodness over labels on blank images (dark, mid and light gray), over that
    on real images: 0 is ideal, and at 1 the label alone moves goodness as much as label and image together, which is a
    shortcut. (How often a right label beats a wrong one on a blank image says nothing: that is one half for any net.)
    """
    grays = torch.tensor([0.25, 0.5, 0.75], device=parts.device).view(-1, 1, 1, 1)
    with autocast(parts.device, parts.precision):
        blank = grays.expand(-1, *parts.judged.shape).contiguous()
        by_block = block_goodness(net, blank, parts.labels, goodness=parts.goodness)
    spread = by_block.std(dim=2).mean(dim=1) / real.label_spread.clamp_min(torch.finfo(torch.float32).tiny)
    return {"label_bias": spread.tolist()}


def judge_readout(parts: Parts, readout: LinearReadout, *, fit: bool) -> tuple[float, Tensor]:
    """Accuracy of a readout and its predictions `[N]`; fitted first, to the network as it is, if asked."""
    if fit:
        readout.fit(parts.train.part(0, parts.recipe.readout_images), precision=parts.precision)
    predicted = readout.predict(parts.judged, precision=parts.precision)
    return share_right(predicted, parts.judged.classes), predicted


def judge_head(parts: Parts, net: LayerLocalNet, head: Head) -> tuple[float, Tensor]:
    """Accuracy of the softmax head that backpropagation trained, and its predictions `[N]`."""
    net.eval()
    with torch.no_grad(), autocast(parts.device, parts.precision):
        batches = [head_scores(net, head, parts.labels, as_floats(batch)) for batch in parts.judged.images.split(256)]
    predicted = torch.cat(batches).argmax(dim=1)
    return share_right(predicted, parts.judged.classes), predicted


def untrained_control(parts: Parts) -> float:
    """Accuracy of the same readout on the same network before training: what random filters are worth.

    Labels that learn are as they were, too. Batch norm needs running statistics, so labelled training images go through
    the network, and change nothing else.
    """
    parts = untrained(parts)
    net = parts.new_net()
    calibrate(parts, net)
    accuracy, _ = judge_readout(parts, parts.new_readout(net), fit=True)
    return accuracy


@torch.no_grad()
def calibrate(parts: Parts, net: LayerLocalNet) -> None:
    """Let batch norm see labelled training images, right and wrong as in training, and take their plain mean."""
    norms = [block.norm for block in net if isinstance(block.norm, torch.nn.BatchNorm2d)]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a cumulative mean: nothing is left of the values it starts from
    net.train()
    for step, images in enumerate(parts.train.images.split(parts.recipe.batch_size)[:CALIBRATION_BATCHES]):
        classes = parts.train.classes[step * parts.recipe.batch_size :][: len(images)]
        wrong = RandomNegatives()(classes, parts.labels.num_classes, keyed_generator(0, "calibration", step))
        with autocast(parts.device, parts.precision):
            net(label_passes(parts.labels, as_floats(images), torch.stack([classes, wrong[:, 0]], dim=1)))


@dataclass(kw_only=True)
class Judgement:
    """All figures of a run, as `results.json` has them; `predicted` is what the confusion matrix shows."""

    accuracy: dict[str, float | None] = field(default_factory=lambda: {"goodness": None, "linear": None})
    control: dict[str, float | None] = field(default_factory=lambda: {"untrained_linear": None})
    per_layer: dict[str, list[float]] = field(default_factory=dict)
    label_only_probe: dict[str, list[float]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    predicted: Tensor = field(default_factory=lambda: torch.empty(0))
    readout: LinearReadout | None = None
    candidates: int | None = None


def everything(
    parts: Parts, net: LayerLocalNet, head: Head | None = None, joint: LinearReadout | None = None
) -> Judgement:
    """Judge a trained network by every kind of inference that the settings ask for and its rule knows.

    Args:
        parts: the parts of the run.
        net: the trained network.
        head: the softmax head, where backpropagation trained one.
        joint: the readout that was trained beside the blocks, where one was.
    """
    judgement = Judgement()
    if parts.settings.inference != "goodness":
        with _timed(judgement.seconds, "readout"):
            judgement.readout = parts.new_readout(net)
            judgement.accuracy["linear"], judgement.predicted = judge_readout(parts, judgement.readout, fit=True)
        with _timed(judgement.seconds, "control"):
            judgement.control["untrained_linear"] = untrained_control(parts)
        if joint is not None:
            judgement.accuracy["linear_joint"], judgement.predicted = judge_readout(parts, joint, fit=False)
    if head is not None:
        judgement.accuracy["head"], judgement.predicted = judge_head(parts, net, head)
    elif parts.settings.inference != "linear":
        candidates = _candidates(parts, net, judgement)
        with _timed(judgement.seconds, "goodness"):
            goodness = judge_goodness(parts, net, parts.judged, candidates)
        judgement.accuracy["goodness"], judgement.predicted = goodness.accuracy, goodness.predicted
        judgement.per_layer = {"discrimination": goodness.discrimination, "accuracy": goodness.by_block}
        judgement.label_only_probe = label_only_probe(parts, net, goodness)
    return judgement


def _candidates(parts: Parts, net: LayerLocalNet, judgement: Judgement) -> Tensor | None:
    """The labels worth trying for each judged image, by the fitted readout; None to try all."""
    count = min(parts.recipe.candidates, parts.labels.num_classes)
    if count == 0:
        return None
    judgement.candidates = count
    if judgement.readout is None:
        with _timed(judgement.seconds, "readout"):
            judgement.readout = parts.new_readout(net)
            judgement.readout.fit(parts.train.part(0, parts.recipe.readout_images), precision=parts.precision)
    with _timed(judgement.seconds, "candidates"):
        return judgement.readout.candidates(parts.judged, count, precision=parts.precision)


@contextlib.contextmanager
def _timed(seconds: dict[str, float], name: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    seconds[name] = time.perf_counter() - start
