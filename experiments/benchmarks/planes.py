"""The cost of label planes beside the image."""

from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from experiments.benchmarks.actions import training_step
from experiments.benchmarks.bench import Bench, Row
from experiments.benchmarks.cases import cases
from labels import ChannelLabels, OneHotLabels


@dataclass(eq=False)
class LaidOut:
    """Labels whose constant planes are laid out, as for a convolution that does not know them."""

    labels: ChannelLabels
    num_classes: int

    def __call__(self, images: Tensor, classes: Tensor) -> Tensor:
        """See `labels.base.LabelGenerator`."""
        return self.labels(images, classes)

    def neutral(self, images: Tensor) -> Tensor:
        """See `labels.base.LabelGenerator`."""
        return self.labels.neutral(images)

    def patterns(self, image: Tensor) -> Tensor:
        """See `labels.base.LabelGenerator`."""
        return self.labels.patterns(image)

    def channels(self, image_channels: int) -> int:
        """See `labels.base.LabelGenerator`."""
        return self.labels.channels(image_channels)

    def spec(self) -> dict[str, Any]:
        """See `labels.base.LabelGenerator`."""
        return self.labels.spec()


def measure(bench: Bench) -> list[Row]:
    """Measure a step of preset quick's network with label planes, against one with the label in ten pixels."""
    size, case = (32, 32), cases(bench)[4]
    labels: dict[str, Any] = {
        "none (one-hot pixels)": OneHotLabels(10),
        "10 one-hot": ChannelLabels(10, size),
        "100 one-hot": ChannelLabels(100, size),
        "16 of code words, 100 classes": ChannelLabels(100, size, planes="codes", count=16),
        "100 one-hot, laid out": LaidOut(ChannelLabels(100, size), 100),
    }
    medians = bench.medians(
        {
            name: training_step(bench, replace(case, labels=generator), "ff", bench.precision)
            for name, generator in labels.items()
        }
    )
    without = medians["none (one-hot pixels)"]
    return [
        {"planes": name, "ms": 1e3 * seconds, "over a step without planes": seconds / without}
        for name, seconds in medians.items()
    ]
