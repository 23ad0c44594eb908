"""Fast learning: one step takes a case to any goodness, in all layers at once (Hinton 2022, equations 3 and 4)."""

from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from convff import (
    Batch,
    Block,
    LabelContrast,
    LayerLocalNet,
    Outer,
    as_floats,
    evaluating,
    keyed_generator,
    step_to_goodness,
    sum_goodness,
)
from experiments.extras.base import (
    Images,
    Result,
    Training,
    by_goodness,
    labels_of,
    new_net,
    over_seeds,
    plain_rule,
)
from experiments.extras.showing import with_spread
from experiments.tools import style


@dataclass(frozen=True, kw_only=True)
class Fast:
    """The experiment's numbers.

    Args:
        training: only its layers, without biases, and its seeds: learning is one image at a time, each once.
        cases: number of images to learn from.
        shares: how much of the step is taken; 1 is the whole step of equation 4.
        right: the goodness that right passes are to have at least, relative to the number of units.
        wrong: the goodness that wrong passes are to have at most.
    """

    training: Training = field(default_factory=Training)
    cases: int = 5000
    shares: tuple[float, ...] = (1.0, 0.3, 0.1, 0.03, 0.01)
    right: float = 1.5
    wrong: float = 0.5


def bias_free(net: LayerLocalNet) -> LayerLocalNet:
    """Take the biases from the layers of a network, and return it."""
    for block in net:
        block.layer.bias = None
    return net


@torch.no_grad()
def jump(net: LayerLocalNet, x: Tensor, wanted: float, *, share: float = 1.0, above: bool | None = None) -> None:
    """Step all layers at once, each to the wanted goodness per unit for one input.

    Args:
        net: the network, without biases; changed in place.
        x: labelled image `[1, C, H, W]`.
        wanted: the sum of squares divided by the number of units.
        share: how much of the step to take.
        above: True to step only layers whose goodness is above the wanted one, False only those below; None for all.
    """
    steps: list[tuple[Block, Tensor, Tensor, float]] = []

    def visit(index: int, block: Block, h: Tensor) -> Tensor:
        seen = block.normalised(h)
        a = block.activity(seen)
        goodness = sum_goodness(a) / a.shape[1]
        silent = not bool(goodness > 0)
        if not silent and (above is None or bool(goodness > wanted) == above):
            rate = step_to_goodness(goodness, wanted, torch.linalg.vector_norm(seen))
            steps.append((block, seen, a, share * rate.item()))
        return a

    with evaluating(net):
        net.route(x, visit)
    for block, seen, a, rate in steps:  # all directions are of the weights before the step
        layer = block.layer
        assert isinstance(layer, torch.nn.Linear)
        Outer(seen, a).add_to_(layer, rate)


@torch.no_grad()
def _goodness(net: LayerLocalNet, x: Tensor) -> tuple[list[float], list[Tensor]]:
    """Return the goodness per unit of every layer for one input, and the directions of the activities."""
    activities = net(x)
    goodness = [(sum_goodness(a) / a.shape[1]).item() for a in activities]
    return goodness, [torch.nn.functional.normalize(a, dim=1) for a in activities]


def run(settings: Fast, images: Images) -> Result:
    """Jump with one case, and learn from a sequence of cases with shares of the jump."""
    net = bias_free(new_net(settings.training, images, 0))
    labels, first = labels_of(images), images.train.batch(torch.arange(1))
    x = labels(first.inputs, first.targets)
    before, turned_from = _goodness(net, x)
    jump(net, x, settings.right)
    after, turned_to = _goodness(net, x)
    turned = [(one - other).abs().max().item() for one, other in zip(turned_from, turned_to, strict=True)]
    jumps = [
        {"layer": number, "before": old, "wanted": settings.right, "after": new, "output turned by": by}
        for number, (old, new, by) in enumerate(zip(before, after, turned, strict=True), start=1)
    ]

    def measure(seed: int) -> dict[str, float]:
        return {str(share): _learnt(settings, images, share, seed) for share in settings.shares}

    found = over_seeds(measure, settings.training.seeds)
    rows = [{"share of the step": share, "goodness %": found[str(share)]} for share in settings.shares]
    cases = min(settings.cases, len(images.train))
    return {"rows": rows, "one jump": jumps, "note": f"learns from {cases:,} of these images, each once"}


def _learnt(settings: Fast, images: Images, share: float, seed: int) -> float:
    """Return the accuracy after learning from each case once."""
    net = bias_free(new_net(settings.training, images, seed))
    contrast, draws = LabelContrast(labels_of(images)), keyed_generator(seed, "cases")
    for case, target in zip(images.train.images[: settings.cases], images.train.classes, strict=False):
        passes = contrast(Batch(as_floats(case[None]), target[None]), draws).inputs
        jump(net, passes[:1], settings.right, share=share, above=False)
        jump(net, passes[1:], settings.wrong, share=share, above=True)
    return by_goodness(net, plain_rule(), images.judged)


def draw(result: Result, path: Path) -> None:
    """Draw the accuracy against the share of the step."""
    with style.new_figure(path, width=style.COLUMN, height=2.4) as figure:
        axes = figure.add_subplot()
        rows = result["rows"]
        shares = [row["share of the step"] for row in rows]
        with_spread(axes, shares, [row["goodness %"] for row in rows], 0, label="goodness")
        axes.set(xscale="log", xlabel="share of the step of equation 4", ylabel="accuracy by goodness, %")
        axes.set(title="each image once, one at a time")
        axes.set_xticks(shares, [f"{share:g}" for share in shares])
        axes.minorticks_off()
