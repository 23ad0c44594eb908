"""Sleep deprivation: what happens when wrong passes stop teaching for a while (Hinton 2022, section 9)."""

from dataclasses import dataclass, field, replace
from math import ceil
from pathlib import Path

import torch

from convff import ImageData, LayerLocalNet, Phased, block_goodness_of
from experiments.extras.base import (
    Images,
    Result,
    Training,
    by_goodness,
    new_net,
    over_seeds,
    plain_rule,
    trainer_of,
)
from experiments.extras.showing import with_spread
from experiments.tools import style
from labels import OneHotLabels


@dataclass(frozen=True, kw_only=True)
class Sleep:
    """The experiment's numbers.

    Args:
        training: see `Training`: first with both kinds of passes, at a constant rate.
        steps: after how many steps without wrong passes to look at the network.
        looked_at: number of images to look at.
    """

    training: Training = field(default_factory=lambda: Training(optimizer="smoothed", lr=0.005, decay="constant"))
    steps: tuple[int, ...] = (0, 1, 3, 10, 30, 100, 300)
    looked_at: int = 2000


def run(settings: Sleep, images: Images) -> Result:
    """Train with both kinds of passes, then with right ones alone, and look at goodness and accuracy on the way."""
    found = over_seeds(lambda seed: _measured(settings, images, seed), settings.training.seeds)
    names = ("accuracy %", "right wins %", "right / N", "wrong / N", "gate of right")
    rows = [{"steps": at, **{name: found[f"{at}: {name}"] for name in names}} for at in settings.steps]
    looked_at = min(settings.looked_at, len(images.judged))
    return {"rows": rows, "note": f"judged on the first {looked_at:,} of these images"}


def _measured(settings: Sleep, images: Images, seed: int) -> dict[str, float]:
    training, most = settings.training, max(settings.steps)
    an_epoch = ceil(len(images.train) / training.batch_size)
    awake = an_epoch * training.epochs
    longer = replace(training, epochs=training.epochs + ceil(most / an_epoch))
    rule = Phased(rule=plain_rule(), sleepless_from=awake, sleepless=most)
    net = new_net(training, images, seed)
    judged = images.judged.part(0, settings.looked_at)
    found: dict[str, float] = {}
    taken = 0

    def look(_: int) -> None:
        nonlocal taken
        taken += 1
        if taken - awake in settings.steps:
            found.update({f"{taken - awake}: {name}": value for name, value in _looked(net, rule, judged).items()})

    for _ in trainer_of(net, rule, longer, images, seed).fit(images.train, progress=look):
        if taken >= awake + most:
            break
    return found


def _looked(net: LayerLocalNet, rule: Phased, data: ImageData) -> dict[str, float]:
    """Return the accuracy of the network, and the state of its last layer.

    Of the last layer are goodness of right and wrong labels, relative to the number of its units N, the gate of right
    passes, and the share of wrong labels that have less goodness than the right one ("right wins").
    """
    units = len(list(net)[-1].layer.weight)
    *_, last = block_goodness_of(net, data, OneHotLabels(data.num_classes), goodness=rule.goodness)  # (N, K)
    right = last.gather(1, data.classes[:, None])
    wrong = (last.sum(dim=1, keepdim=True) - right) / (last.shape[1] - 1)
    wins = (right > last).double().sum(dim=1) / (last.shape[1] - 1)
    return {
        "accuracy %": by_goodness(net, rule, data),
        "right wins %": 100 * wins.mean().item(),
        "right / N": right.mean().item() / units,
        "wrong / N": wrong.mean().item() / units,
        "gate of right": torch.sigmoid(units - right).mean().item(),
    }


def draw(result: Result, path: Path) -> None:
    """Draw goodness and accuracy against steps without wrong passes."""
    rows = result["rows"]
    steps = [row["steps"] for row in rows]
    with style.new_figure(path, width=style.PAGE, height=2.4) as figure:
        left, right = figure.subplots(1, 2)
        panels = (
            (left, ("right / N", "wrong / N", "gate of right"), "of the last layer", "goodness / N, and the gate"),
            (right, ("accuracy %", "right wins %"), "labels", "%"),
        )
        for axes, names, title, unit in panels:
            for index, name in enumerate(names):
                with_spread(axes, steps, [row[name] for row in rows], index, label=name)
            axes.set_xscale("symlog", linthresh=1)
            axes.set(xlabel="steps without wrong passes", ylim=(0, None), title=title, ylabel=unit)
            axes.legend()
        left.axhline(1, color=style.INK, linestyle=":")
