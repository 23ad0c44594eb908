"""What a gated rule delegates to the place of its label."""

from collections.abc import Callable

import torch
from torch import nn

from convff.activations import refuse_other_activations
from convff.contrasts import Contrast
from convff.network import Block, LayerLocalNet
from convff.places import Place


class Placed:
    """A rule that lets the place of its label decide on passes, fitting networks and evaluations."""

    label_at: Place

    @property
    def evaluations(self) -> tuple[str, ...]:
        """The evaluation of the place of the label, and the linear readout."""
        return tuple(dict.fromkeys((self.label_at.evaluation, "linear")))

    @property
    def contrast(self) -> Callable[..., Contrast]:
        """Makes the passes that the place of the label needs."""
        return self.label_at.contrast

    def check(self, net: LayerLocalNet, num_classes: int) -> None:
        """Raise ValueError if the place of the label does not fit, or a block has another activation than ReLU."""
        refuse_other_activations(net, type(self).__name__)
        self.label_at.check(net, num_classes)

    def fitting(self, width: int, block: int | None = None) -> int:
        """Return the width nearest to `width` that the place of the label fits, in every block."""
        return self.label_at.fitting(width)

    def beside(self, block: Block, generator: torch.Generator) -> nn.Module | None:
        """Make the module that the place of the label trains beside a block's layer; None if there is none."""
        return self.label_at.beside(block, generator)

    @property
    def wants_z(self) -> bool:
        """Whether the place of the label needs the activity before the ReLU."""
        return self.label_at.wants_z
