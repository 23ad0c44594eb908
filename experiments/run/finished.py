"""A run whose training has ended, as its figures see it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from convff import LayerLocalNet
from experiments.run.parts import Parts


@dataclass(frozen=True, eq=False)
class Finished:
    """A run whose training has ended.

    Args:
        parts: the parts of the run.
        net: the trained network.
        step: the step that trained it.
        predicted: predicted classes of the images that judge it, `[N]`; empty if nothing predicts.
        figures: the folder of its figures.
    """

    parts: Parts
    net: LayerLocalNet
    step: Any
    predicted: Tensor
    figures: Path
