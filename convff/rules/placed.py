"""What a gated rule leaves to the place of its label."""

from collections.abc import Callable

import torch
from torch import nn

from convff.contrasts import Contrast
from convff.network import Block, LayerLocalNet
from convff.places import Place


class Placed:
    """A rule that asks the place of its label what goes through the network, what fits, and what is judged."""

    label_at: Place

    @property
    def evaluations(self) -> tuple[str, ...]:
        """Comparing goodness, as the place of the label asks for, and the linear readout."""
        return (self.label_at.evaluation, "linear")

    @property
    def contrast(self) -> Callable[..., Contrast]:
        """Makes the passes that the place of the label needs."""
        return self.label_at.contrast

    def check(self, net: LayerLocalNet, num_classes: int) -> None:
        """Refuse what the place of the label does not fit, by ValueError."""
        self.label_at.check(net, num_classes)

    def beside(self, block: Block, generator: torch.Generator) -> nn.Module | None:
        """Make what the place of the label lets learn beside a block's layer; None if nothing does."""
        return self.label_at.beside(block, generator)

    @property
    def wants_z(self) -> bool:
        """Whether the place of the label looks at a block before its ReLU."""
        return self.label_at.wants_z
