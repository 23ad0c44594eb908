"""Evaluation of a trained network: the inferences that its rule names, the control, and the probe for shortcuts.

It knows networks, labels and images, and nothing of settings or run folders.
"""

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor, nn

from convff import (
    ImageData,
    LayerLocalNet,
    LinearReadout,
    as_floats,
    autocast,
    block_goodness,
    block_goodness_of,
    calibrate,
    evaluating,
    head_scores,
    predictions,
)
from labels import LabelGenerator

PROBED = 500


@dataclass(frozen=True, kw_only=True)
class GoodnessResult:
    """What goodness inference says of a network on some images.

    Args:
        accuracy: of the sum over all blocks that count, in [0, 1].
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


@dataclass(kw_only=True)
class Evaluation:
    """All figures of a run, as `results.json` has them; `predicted` is what the confusion matrix shows."""

    accuracy: dict[str, float | None] = field(default_factory=lambda: {"goodness": None, "linear": None})
    control: dict[str, float | None] = field(default_factory=lambda: {"untrained_linear": None})
    per_layer: dict[str, list[float]] = field(default_factory=dict)
    label_only_probe: dict[str, list[float]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    predicted: Tensor = field(default_factory=lambda: torch.empty(0))
    readout: LinearReadout | None = None
    candidates: int | None = None


@dataclass(frozen=True, eq=False, kw_only=True)
class Evaluator:
    """Evaluates networks of one run, all in the same way.

    Args:
        train: the images that a readout is fitted to.
        judged: the images that networks are judged by.
        labels: the label generator.
        evaluations: names of the inferences: "goodness", "linear" (the fitted readout), "head".
        goodness: goodness `[N]` of an activity `[N, ...]`; None if the rule has none.
        precision: of the activities.
        first_block: index of the first block that goodness and readout count, where the network has as many.
        readout_grid: the readout averages each map to n x n regions; None reads every position.
        readout_images: the readout is fitted to the first n training images; None for all.
        candidates: goodness inference tries the readout's n best labels; 0 for every label.
        batch_size: images per batch of the control's calibration.
    """

    train: ImageData
    judged: ImageData
    labels: LabelGenerator
    evaluations: tuple[str, ...]
    goodness: Callable[[Tensor], Tensor] | None
    precision: str
    first_block: int
    readout_grid: int | None
    readout_images: int | None
    candidates: int
    batch_size: int

    def everything(
        self,
        net: LayerLocalNet,
        modules: Mapping[str, nn.Module],
        untrained: Callable[[], tuple[LayerLocalNet, LabelGenerator]],
        joint: LinearReadout | None = None,
    ) -> Evaluation:
        """Evaluate a trained network by every inference, with the control and the probe.

        Args:
            net: the trained network.
            modules: what the rule trained beside it, by name.
            untrained: makes the network and the labels as before the training, where a control is wanted.
            joint: the readout that was trained beside the blocks, where one was.
        """
        found = Evaluation()
        if "linear" in self.evaluations:
            with _timed(found.seconds, "readout"):
                found.readout = self.fitted_readout(net)
                found.accuracy["linear"], found.predicted = self.by_readout(found.readout)
            with _timed(found.seconds, "control"):
                found.control["untrained_linear"] = self.control(*untrained())
            if joint is not None:
                found.accuracy["linear_joint"], found.predicted = self.by_readout(joint)
        if "head" in self.evaluations:
            found.accuracy["head"], found.predicted = self.by_head(net, modules["head"])
        if "goodness" in self.evaluations:
            self._by_goodness(net, found)
        return found

    def own_accuracy(self, net: LayerLocalNet, modules: Mapping[str, nn.Module]) -> float:
        """Return the accuracy by the inference that the rule is known by, the first that it names."""
        if self.evaluations[0] == "head":
            return self.by_head(net, modules["head"])[0]
        return self.by_goodness(net, self.judged).accuracy

    def _by_goodness(self, net: LayerLocalNet, found: Evaluation) -> None:
        candidates = self._candidates(net, found)
        with _timed(found.seconds, "goodness"):
            result = self.by_goodness(net, self.judged, candidates)
        found.accuracy["goodness"], found.predicted = result.accuracy, result.predicted
        found.per_layer = {"discrimination": result.discrimination, "accuracy": result.by_block}
        found.label_only_probe = self.label_only_probe(net, result)

    def _candidates(self, net: LayerLocalNet, found: Evaluation) -> Tensor | None:
        """Return the labels worth trying for each judged image, by the fitted readout; None to try all."""
        count = min(self.candidates, self.labels.num_classes)
        if count == 0:
            return None
        found.candidates = count
        if found.readout is None:
            with _timed(found.seconds, "readout"):
                found.readout = self.fitted_readout(net)
        with _timed(found.seconds, "candidates"):
            return found.readout.candidates(self.judged, count, precision=self.precision)

    def by_goodness(self, net: LayerLocalNet, data: ImageData, candidates: Tensor | None = None) -> GoodnessResult:
        """Try labels on images and compare goodness; true classes only count what came out right.

        Args:
            net: the network.
            data: the images.
            candidates: int64 `[N, M]`, the labels to try for each image; all if omitted. Discrimination and spread are
                about all labels: they are then measured on the first `PROBED` images.
        """
        by_block = self.block_goodness(net, data, candidates)
        of_all = by_block if candidates is None else self.block_goodness(net, data.part(0, PROBED))
        predicted = predictions(by_block, range(self.first_of(net), len(by_block)), candidates)
        alone = [predictions(by_block, [block], candidates) for block in range(len(by_block))]
        return GoodnessResult(
            accuracy=accuracy_of(predicted, data.classes),
            by_block=[accuracy_of(prediction, data.classes) for prediction in alone],
            discrimination=discrimination(of_all, data.classes[: of_all.shape[1]]).tolist(),
            predicted=predicted,
            label_spread=of_all.std(dim=2).mean(dim=1),
        )

    def block_goodness(self, net: LayerLocalNet, data: ImageData, candidates: Tensor | None = None) -> Tensor:
        """Return goodness `[blocks, N, K]`, or `[blocks, N, M]` of candidates `[N, M]`."""
        assert self.goodness is not None
        return block_goodness_of(
            net, data, self.labels, candidates=candidates, goodness=self.goodness, precision=self.precision
        )

    def label_only_probe(self, net: LayerLocalNet, real: GoodnessResult) -> dict[str, list[float]]:
        """Measure whether a label changes goodness where there is nothing to see.

        On a blank image no label is right, so a network that judges how label and image fit gives all labels the same
        goodness. `label_bias` is the spread of goodness over labels on blank images (dark, mid and light gray), over
        that on real images: 0 is ideal; at 1 the label alone moves goodness as much as both together, a shortcut.
        """
        assert self.goodness is not None
        device = self.judged.images.device
        grays = torch.tensor([0.25, 0.5, 0.75], device=device).view(-1, 1, 1, 1)
        with autocast(device, self.precision):
            blank = grays.expand(-1, *self.judged.shape).contiguous()
            by_block = block_goodness(net, blank, self.labels, goodness=self.goodness)
        spread = by_block.std(dim=2).mean(dim=1) / real.label_spread.clamp_min(torch.finfo(torch.float32).tiny)
        return {"label_bias": spread.tolist()}

    def first_of(self, net: LayerLocalNet) -> int:
        """Return the index of the first block of a network that counts."""
        return min(self.first_block, len(net) - 1)

    def new_readout(self, net: LayerLocalNet) -> LinearReadout:
        """Return an untrained readout of a network."""
        return LinearReadout(net, self.labels, self.train.shape, first=self.first_of(net), grid=self.readout_grid)

    def fitted_readout(self, net: LayerLocalNet) -> LinearReadout:
        """Return a readout that is fitted to the network as it is."""
        readout = self.new_readout(net)
        readout.fit(self.train.part(0, self.readout_images), precision=self.precision)
        return readout

    def by_readout(self, readout: LinearReadout) -> tuple[float, Tensor]:
        """Return the accuracy of a readout and its predictions `[N]`."""
        predicted = readout.predict(self.judged, precision=self.precision)
        return accuracy_of(predicted, self.judged.classes), predicted

    def by_head(self, net: LayerLocalNet, head: nn.Module) -> tuple[float, Tensor]:
        """Return the accuracy of a head that was trained with the network, and its predictions `[N]`."""
        with torch.no_grad(), autocast(self.judged.images.device, self.precision), evaluating(net):
            batches = [head_scores(net, head, self.labels, as_floats(batch)) for batch in self.judged.images.split(256)]
        predicted = torch.cat(batches).argmax(dim=1)
        return accuracy_of(predicted, self.judged.classes), predicted

    def control(self, net: LayerLocalNet, labels: LabelGenerator) -> float:
        """Return the accuracy of the same readout on a network before training: what random filters are worth."""
        calibrate(net, labels, self.train, batch_size=self.batch_size, precision=self.precision)
        untrained = replace(self, labels=labels)
        return untrained.by_readout(untrained.fitted_readout(net))[0]


def accuracy_of(predicted: Tensor, classes: Tensor) -> float:
    """Return the fraction of predictions that are right, in [0, 1]."""
    return (predicted == classes).float().mean().item()


def discrimination(by_block: Tensor, classes: Tensor) -> Tensor:
    """Return the fraction of (right, wrong) label pairs in which the right one has more goodness, `[blocks]`.

    Args:
        by_block: goodness `[blocks, N, K]`.
        classes: right classes `[N]`.
    """
    right = by_block.gather(2, classes.expand(len(by_block), -1)[:, :, None])  # (L, N, 1)
    # A tie counts half; the right label ties with itself.
    wins = (right > by_block).float() + 0.5 * (right == by_block)
    return (wins.sum(dim=(1, 2)) - 0.5 * len(classes)) / (len(classes) * (by_block.shape[2] - 1))


@contextlib.contextmanager
def _timed(seconds: dict[str, float], name: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    seconds[name] = time.perf_counter() - start
