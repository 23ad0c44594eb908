"""The time of labelling a batch."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from convff import as_floats, keyed_generator, label_passes
from experiments.benchmarks.actions import training_step
from experiments.benchmarks.bench import Bench, Row
from experiments.benchmarks.cases import cases
from experiments.label_sets.choice import CANDIDATES, choose
from labels import ChannelLabels, FourierLabels, LabelGenerator, MorphLabels, OneHotLabels


def measure(bench: Bench) -> list[Row]:
    """Measure the time to label 512 images of 32 x 32, right and wrong, all classes, against a step of preset quick."""
    count = 16 if bench.small else 512
    wide = Bench(bench.device, min(bench.repeats, 5), count, bench.small)
    images = as_floats(wide.images(count, (3, 32, 32)).images)
    medians = wide.medians(
        {"step": training_step(wide, cases(wide)[4], "ff", wide.precision)} | _label_actions(wide, images)
    )
    return [
        {
            "labels": name,
            "ms": 1e3 * seconds,
            "label passes/s": 2 * count / seconds,
            "share of a training step": seconds / medians["step"],
        }
        for name, seconds in medians.items()
        if name != "step"
    ]


def _label_actions(bench: Bench, images: Tensor) -> dict[str, Callable[[], object]]:
    """Return functions that label, for each family with 10 and 100 classes, and for labels chosen from candidates."""
    actions: dict[str, Callable[[], object]] = {}
    for count in (10,) if bench.small else (10, 100):
        families: dict[str, LabelGenerator] = {
            "onehot": OneHotLabels(count),
            "fourier": FourierLabels(count, (32, 32)),
            "channel": ChannelLabels(count, (32, 32)),
            "morph": MorphLabels(count),
        }
        for family in ("fourier", "morph"):
            options: dict[str, Any] = {"num_classes": count, "image_size": (32, 32), "kernel_size": 3}
            chosen = choose(family, "optimised", **options, count=50 if bench.small else CANDIDATES)
            families[f"{family} (optimised)"] = chosen.labels
        order = torch.randperm(2 * len(images), generator=keyed_generator(0, "classes"))
        classes = (order % count).view(len(images), 2).to(bench.device)
        for name, labels in families.items():
            actions[f"{name}, {count} classes"] = partial(label_passes, labels, images, classes)
    return actions
