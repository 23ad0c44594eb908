"""The networks that the benchmark measures."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch

from convff import RULES, AtImage, AtOutput, LayerLocalNet, Place, cnn3, cnn6, mlp
from experiments.benchmarks.bench import CLASSES, Bench
from experiments.run.building import build
from labels import FourierLabels, LabelGenerator, MorphLabels, NoLabels, OneHotLabels


@dataclass(frozen=True)
class Case:
    """A network with its labels and images."""

    name: str
    labels: LabelGenerator
    shape: tuple[int, int, int]
    make: Callable[[tuple[int, int, int]], LayerLocalNet]
    label_at: Place = field(default_factory=AtImage)

    def rule(self, name: str) -> Any:
        """Return a rule, with the place of the label if it takes one."""
        return build(f"rule {name}", RULES[name], {}, {"label_at": self.label_at, "num_classes": CLASSES})

    def net(self, device: torch.device) -> LayerLocalNet:
        """Return a new network, the same at every call."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            net = self.make((self.labels.channels(self.shape[0]), *self.shape[1:]))
        return net.to(device).to(memory_format=torch.channels_last)


def cases(bench: Bench) -> list[Case]:
    """Return networks like those of the papers, and that of preset quick, each with its labels.

    Example:
        >>> [type(case.labels).__name__ for case in cases(Bench(torch.device("cpu"), 1, 2, small=True))][-1]
        'NoLabels'
    """
    color, gray = (3, 32, 32), (1, 28, 28)
    wide, width, dense = (64, 64, 128, 128, 256, 256), 64, (2000, 2000, 2000)
    if bench.small:
        wide, width, dense = (4, 4, 4, 4, 4, 4), 4, (8, 8, 8)

    def six(shape: tuple[int, int, int]) -> LayerLocalNet:
        return cnn6(shape, widths=wide)

    def quick(shape: tuple[int, int, int]) -> LayerLocalNet:
        return cnn6(shape, widths=wide if bench.small else (32, 64, 64, 128, 128, 128), pool_after=(1, 2, 4))

    def groups(shape: tuple[int, int, int]) -> LayerLocalNet:
        return cnn6(shape, widths=(10, 10) if bench.small else (40, 60, 60, 120, 120, 120), pool_after=(1, 2, 4))

    def three(shape: tuple[int, int, int]) -> LayerLocalNet:
        return cnn3(shape, width=width, kernel=3 if bench.small else 7)

    def flat(shape: tuple[int, int, int]) -> LayerLocalNet:
        return mlp(shape, widths=dense)

    return [
        Case(f"cnn6 {wide}, fourier", FourierLabels(CLASSES, color[1:]), color, six),
        Case(f"cnn6 {wide}, morph", MorphLabels(CLASSES), color, six),
        Case(f"cnn3 {width}, fourier", FourierLabels(CLASSES, gray[1:]), gray, three),
        Case(f"cnn3 {width}, morph", MorphLabels(CLASSES), gray, three),
        Case("cnn6 of preset quick, fourier", FourierLabels(CLASSES, color[1:]), color, quick),
        Case(f"mlp {dense}, onehot", OneHotLabels(CLASSES), gray, flat),
        Case("cnn6 of preset quick, label at the output", NoLabels(CLASSES), color, groups, AtOutput(CLASSES)),
    ]
