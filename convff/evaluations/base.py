"""Evaluations: what they are given, how they are called, and their score."""

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

from convff.data import ImageData
from convff.inference.goodness import predictions
from convff.inference.readout import LinearReadout
from convff.labelling import Labels
from convff.network import LayerLocalNet


@dataclass(frozen=True, kw_only=True, eq=False)
class Score:
    """The result of an evaluation.

    Args:
        value: the main figure.
        unit: what the number is: "accuracy" in [0, 1], "bits", ...
        predicted: predicted classes `[N]`; None if nothing is predicted.
        per_block: further figures by name, each with one value per block.
        scores: class scores `[N, K]` that the predictions follow from, the larger the better; minus infinity for
            classes that were not tried. None if there are none.
    """

    value: float
    unit: str = "accuracy"
    predicted: Tensor | None = None
    per_block: Mapping[str, list[float]] = field(default_factory=dict)
    scores: Tensor | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Context:
    """The run that a network comes from, as evaluations see it.

    Args:
        rule: the rule that the network learnt by.
        labels: the label generator that it learnt with.
        train: training images, e.g. to fit a readout to.
        modules: the modules trained beside the network, by name.
        precision: precision of the activities.
        first_block: index of the first block that counts; the last block's if the network is shorter.
        first_scored: the same for goodness, or the scores that replace it; None for `first_block`. A rule whose first
            blocks do not know the classes has an attribute of this name, and counts no block below it.
        readout_grid: the readout averages each map to n x n regions; None reads every position.
        readout_normalised: the readout reads normalised activity; see `LinearReadout`.
        readout_images: the readout is fitted to the first n training images; None for all.
        readout_l2: penalty of the readout's weights; None chooses it, see `LinearReadout.fit`.
        candidates: goodness inference tries the readout's n best labels; 0 for every label.
        seed: key of all draws of evaluations.
        seconds: duration of each part, by name; evaluations add to it.
        readouts: the readout fitted to each network, by `id`; see `readout`.
        fitted: what evaluations fitted besides, by name; it is saved with the network.
    """

    rule: Any
    labels: Labels
    train: ImageData
    modules: Mapping[str, nn.Module] = field(default_factory=dict)
    precision: str = "float32"
    first_block: int = 1
    first_scored: int | None = None
    readout_grid: int | None = 4
    readout_normalised: bool = False
    readout_images: int | None = None
    readout_l2: float | None = 1e-3
    candidates: int = 0
    seed: int = 0
    seconds: dict[str, float] = field(default_factory=dict)
    readouts: dict[int, LinearReadout] = field(default_factory=dict)
    fitted: dict[str, nn.Module] = field(default_factory=dict)

    def first_of(self, net: LayerLocalNet) -> int:
        """Return the index of the first block of a network that counts."""
        return min(self.first_block, len(net) - 1)

    def first_scored_of(self, net: LayerLocalNet) -> int:
        """Return the index of the first block whose goodness, or scores that replace it, count."""
        asked = self.first_block if self.first_scored is None else self.first_scored
        return min(max(asked, getattr(self.rule, "first_scored", 0)), len(net) - 1)

    def new_readout(self, net: LayerLocalNet) -> LinearReadout:
        """Return an untrained readout of a network."""
        return LinearReadout(
            net,
            self.labels,
            self.train.shape,
            first=self.first_of(net),
            grid=self.readout_grid,
            normalised=self.readout_normalised,
        )

    def readout(self, net: LayerLocalNet) -> LinearReadout:
        """Return a readout fitted to the current network; it is fitted once, for all evaluations."""
        if id(net) not in self.readouts:
            with self.timed("readout"):
                readout = self.new_readout(net)
                readout.fit(self.train.part(0, self.readout_images), precision=self.precision, l2=self.readout_l2)
            self.readouts[id(net)] = readout
        return self.readouts[id(net)]

    @contextlib.contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Add the duration of a `with` block to `seconds`."""
        start = time.perf_counter()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start


@dataclass(frozen=True)
class Evaluation:
    """A way to judge a network.

    Args:
        title: what tables call it.
        judge: scores a network by its run and data. True targets may only be used to count right predictions, never to
            make them.
        each_epoch: whether it is fast enough for a learning curve.
        beside: an evaluation; this one suits every rule that is judged by it, where it is asked for by name.
        scores: class scores float32 or better `[B, K]`, the largest of which is the class that `judge` predicts, for a
            network, its run and images, float `[B, C, H, W]` in [0, 1]. None if it has no scores of single images.
        needs: the name of a module beside the network that the scores need; empty for none.
        traced: the same as `scores`, in tensor operations alone and for any number of images at once, so that a graph
            of them can be exported; None if `scores` is so itself.
    """

    title: str
    judge: Callable[[LayerLocalNet, Context, ImageData], Score]
    each_epoch: bool = False
    beside: str | None = None
    scores: Callable[[LayerLocalNet, Context, Tensor], Tensor] | None = None
    needs: str = ""
    traced: Callable[[LayerLocalNet, Context, Tensor], Tensor] | None = None

    def suits(self, name: str, evaluations: tuple[str, ...]) -> bool:
        """Return whether it can judge a rule that names these evaluations.

        Args:
            name: its own name.
            evaluations: what the rule names.

        Example:
            >>> Evaluation("", lambda net, run, data: Score(value=1.0), beside="goodness").suits("mine", ("goodness",))
            True
        """
        return name in evaluations or self.beside in evaluations

    def __call__(self, net: LayerLocalNet, run: Context, data: ImageData) -> Score:
        """Judge a network by data."""
        return self.judge(net, run, data)


def accuracy_of(predicted: Tensor, classes: Tensor) -> float:
    """Return the fraction of predictions that are right, in [0, 1].

    Example:
        >>> import torch
        >>> accuracy_of(torch.tensor([0, 1]), torch.tensor([0, 2]))
        0.5
    """
    return (predicted == classes).float().mean().item()


def score_of_blocks(net: LayerLocalNet, run: Context, data: ImageData, by_block: Tensor) -> Score:
    """Score the accuracy of what every block says of every class, summed over the blocks that count.

    Args:
        net: the network.
        run: the run that it comes from.
        data: the images.
        by_block: goodness, or scores that replace it, `[blocks, N, K]`.

    Returns:
        the accuracy, and for each block its `accuracy` alone and its `discrimination`.
    """
    first = run.first_scored_of(net)
    predicted = predictions(by_block, range(first, len(by_block)))
    alone = [predictions(by_block, [block]) for block in range(len(by_block))]
    return Score(
        value=accuracy_of(predicted, data.classes),
        predicted=predicted,
        per_block={
            "discrimination": discrimination(by_block, data.classes).tolist(),
            "accuracy": [accuracy_of(prediction, data.classes) for prediction in alone],
        },
        scores=by_block[first:].sum(dim=0),
    )


def discrimination(by_block: Tensor, classes: Tensor) -> Tensor:
    """Return the fraction of (right, wrong) label pairs in which the right one has more goodness, `[blocks]`.

    Args:
        by_block: goodness `[blocks, N, K]`.
        classes: right classes `[N]`.

    Example:
        >>> import torch
        >>> discrimination(torch.tensor([[[3.0, 1.0, 5.0]]]), torch.tensor([0]))
        tensor([0.5000])
    """
    right = by_block.gather(2, classes.expand(len(by_block), -1)[:, :, None])  # (L, N, 1)
    # A tie counts half; the right label ties with itself.
    wins = (right > by_block).float() + 0.5 * (right == by_block)
    return (wins.sum(dim=(1, 2)) - 0.5 * len(classes)) / (len(classes) * (by_block.shape[2] - 1))
