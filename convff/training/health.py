"""Signs of a wrong setting in a training: dead layers, saturated gates, weights that grow without bound.

All three show in the metrics of each epoch. A finding names the block, the figure and a remedy. The bounds are ours.
They are far from what sane runs showed (both rules, all networks, scikit-learn's digits and MNIST) and from what wrong
settings did (rates, thresholds and scales off by factors of 100).
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from convff.network import LayerLocalNet
from convff.training.divergence import Metrics
from convff.training.findings import Fault, Finding

SILENT = 0.5  # sane runs: 0.01 at most; a layer that dies within an epoch: 0.6 to 1
SATURATED_FRACTION = 0.99  # sane runs at chance: below 0.1; those that have learnt: their gates are shut
ENTIRELY_SATURATED = 0.9999
SHUT, OPEN = 0.05, 0.95  # the mean gate of a whole epoch
LONG = 20.0  # sane runs: 3.6 times the initial length at most; too large a rate: 27 and more
STILL_GROWING = 1.1  # a factor in an epoch
LEFT_OUT = " (by default it is the goodness of a layer whose units are all 1)"


class TrainingWarning(UserWarning):
    """A training shows signs of a wrong setting."""


def weight_rms(net: LayerLocalNet) -> list[float]:
    """Return the root mean square of each block's weights and biases, taken as one vector.

    Example:
        >>> from convff import Block, LengthNorm
        >>> block = Block(LengthNorm(), torch.nn.Linear(4, 1, bias=False))
        >>> for parameter in block.parameters():
        ...     _ = torch.nn.init.constant_(parameter, -2.0)
        >>> weight_rms(LayerLocalNet([block]))
        [2.0]
    """
    lengths = []
    for block in net:
        parameters = [p.detach().flatten() for p in block.layer.parameters()]
        # In float64, where the square of no finite float32 weight is infinite; on the CPU, as Apple GPUs lack it.
        of_each = torch.stack([torch.linalg.vector_norm(p.cpu(), dtype=torch.float64) for p in parameters])
        lengths.append(torch.linalg.vector_norm(of_each) / math.sqrt(sum(p.numel() for p in parameters)))
    rms: list[float] = torch.stack(lengths).tolist()
    return rms


class HealthCheck:
    """Checks the epochs of a training in order, and reports each fault of a block once.

    Args:
        weights: `weight_rms` of the network before the first epoch.

    Example:
        >>> check = HealthCheck([0.1])
        >>> metrics = {"silent": [1.0], "weight_rms": [0.1]}
        >>> [str(finding) for finding in check(0, metrics, metrics, left=2)]  # doctest: +ELLIPSIS
        ['dead layer in block 1, epoch 1: 100 % of its passes have no activity at all; try a smaller lr...']
        >>> check(1, metrics, metrics, left=1)
        ()
    """

    def __init__(self, weights: Sequence[float]) -> None:
        self._at_start = self._before = list(weights)
        self._reported: set[tuple[Fault, int]] = set()

    def __call__(
        self, epoch: int, metrics: Metrics, first_half: Metrics, left: int, *, blocks: Sequence[int] | None = None
    ) -> tuple[Finding, ...]:
        """Return the findings of an epoch, counted from 0, that no earlier one had.

        Args:
            epoch: counted from 0.
            metrics: of the epoch; see `EpochRecord`.
            first_half: the same over its first half.
            left: number of epochs after this one in which the blocks learn.
            blocks: indices of the blocks that learn, which the metrics are of; all if omitted.
        """
        dead = frozenset(block for fault, block in self._reported if fault == "dead layer")
        found = [
            *dead_layers(epoch, metrics, blocks, dead),
            *saturated_gates(epoch, metrics, first_half, left, blocks),
            *growing_weights(epoch, metrics["weight_rms"], self._before, self._at_start),
        ]
        self._before = list(metrics["weight_rms"])
        new = tuple(finding for finding in found if (finding.fault, finding.block) not in self._reported)
        self._reported |= {(finding.fault, finding.block) for finding in new}
        return new

    def state(self) -> list[Any]:
        """Return what the check remembers, as JSON can hold it."""
        return [self._at_start, self._before, sorted(map(list, self._reported))]

    @classmethod
    def resumed(cls, state: list[Any]) -> "HealthCheck":
        """Return a check that remembers what another one did; see `state`."""
        at_start, before, reported = state
        check = cls(at_start)
        check._before = before
        check._reported = {(fault, block) for fault, block in reported}
        return check


def dead_layers(
    epoch: int, metrics: Metrics, blocks: Sequence[int] | None = None, dead: frozenset[int] = frozenset()
) -> list[Finding]:
    """Find blocks that are silent, whatever the image and its label, in most passes of an epoch.

    Goodness 0 means that no unit is active at any position. ReLU then lets no direction through, so a dead layer stays
    dead.

    Args:
        epoch: counted from 0.
        metrics: of the epoch.
        blocks: indices of the blocks that the metrics are of; all if omitted.
        dead: blocks found dead in earlier epochs, counted from 1.
    """
    shares = metrics.get("silent", ())
    silent = dict(zip(range(len(shares)) if blocks is None else blocks, shares, strict=False))
    found = []
    for index, share in silent.items():
        if not share > SILENT:
            continue
        remedy = "a smaller lr (or a larger theta, if the gate has one) from the start: a dead layer stays dead"
        if silent.get(index - 1, 0.0) > SILENT:
            remedy = f"fixing block {index} first: it outputs only zeros"
        elif index - 1 not in silent and index in dead:
            remedy = (
                f"a smaller lr, and train again from the start: block {index} below outputs only zeros, and as it has "
                "finished learning it cannot be fixed any more"
            )
        figure = f"{_percent(share)} of its passes have no activity at all"
        found.append(Finding(fault="dead layer", block=index + 1, epoch=epoch + 1, figure=figure, remedy=remedy))
    return found


def saturated_gates(
    epoch: int, metrics: Metrics, first_half: Metrics, epochs_left: int, blocks: Sequence[int] | None = None
) -> list[Finding]:
    """Find blocks whose gates are all open or shut for an epoch, so that they treat every image alike.

    Two cases are no fault: gates that are shut for right and wrong labels, because the block has learnt everything;
    and gates that will leave saturation within the remaining epochs, at the pace of this one.
    """
    found = []
    for index, saturation in enumerate(metrics.get("saturation", ())):
        of_block = {name: values[index] for name, values in metrics.items() if index < len(values)}
        if saturation < SATURATED_FRACTION or not of_block.keys() >= {"gate_right", "gate_wrong", "goodness", "silent"}:
            continue
        loss = of_block["loss"]
        # From the middle of the first half to that of the whole epoch is a quarter of an epoch.
        fall = 4 * (first_half["loss"][index] - loss)
        arrives = loss > 0 and fall * (epochs_left + 1) >= loss
        explained = None if of_block["silent"] > SILENT else _explained(of_block, arrives)
        if explained is not None:
            block = 1 + (index if blocks is None else blocks[index])
            figure = f"{_percent(saturation)} of its gates are fully open or shut: {explained[0]}"
            found.append(
                Finding(fault="saturated gates", block=block, epoch=epoch + 1, figure=figure, remedy=explained[1])
            )
    return found


def _explained(of_block: Mapping[str, float], arrives: bool) -> tuple[str, str] | None:
    """Return what keeps a block's gates saturated, and a remedy; None if nothing is wrong with them."""
    right, wrong, goodness = of_block["gate_right"], of_block["gate_wrong"], f"{of_block['goodness']:.3g}"
    if wrong < SHUT and (right < SHUT or (right > OPEN and arrives)):
        return None
    # Weakening alone ends in a dead layer, so it gets no time to arrive at theta.
    if right < SHUT and wrong > OPEN:
        return (
            f"passes are only weakened, for their goodness, {goodness} on average, is far above theta",
            f"a larger theta{LEFT_OUT}, or a gate without one (symmetric, softmax)",
        )
    if right > OPEN and wrong < SHUT:
        return (
            f"passes are only strengthened, for their goodness, {goodness} on average, is far below theta",
            f"a smaller theta{LEFT_OUT}, a gate without one (symmetric, softmax), or a larger lr",
        )
    # Gates that compare passes weaken as much as they strengthen. The threshold gate of the FF papers, on sums of
    # squares, is hardly ever half open and learns nevertheless: it has to be worse, and to stay so.
    in_pairs = math.isclose(right, wrong, abs_tol=1e-4)
    if not in_pairs and (arrives or of_block["saturation"] < ENTIRELY_SATURATED):
        return None
    return (
        f"they cannot tell a near miss from a far one, and {_percent(1 - of_block['discrimination'])} "
        "of the block's decisions are wrong",
        "a smaller scale",
    )


def growing_weights(
    epoch: int, now: Sequence[float], before: Sequence[float], at_start: Sequence[float]
) -> list[Finding]:
    """Find blocks whose weights are many times as long as at the start, and still grow by more than a tenth per epoch.

    Goodness grows with their square. Weights also grow in sane runs, to shut the gates of what is learnt, but ever more
    slowly: by a tenth per epoch only while they are a few times as long as at the start.

    Args:
        epoch: counted from 0.
        now: `weight_rms` after this epoch.
        before: the same, after the epoch before.
        at_start: the same, before the first epoch.
    """
    found = []
    for index, length in enumerate(now):
        ratio, factor = _ratio(length, at_start[index]), _ratio(length, before[index])
        if ratio <= LONG or factor <= STILL_GROWING:  # both are false of NaN
            continue
        figure = f"its weights are {ratio:.3g} times as long as at the start, and {factor:.3g} times as an epoch ago"
        found.append(
            Finding(fault="growing weights", block=index + 1, epoch=epoch + 1, figure=figure, remedy="a smaller lr")
        )
    return found


def _ratio(now: float, before: float) -> float:
    return now / before if before else 1.0  # weights that start at 0 have no length to compare with


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"
