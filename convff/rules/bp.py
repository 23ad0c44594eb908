"""Backpropagation through the same network: not a local rule, but the baseline for them."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from convff.data import Batch
from convff.labelling import Labels
from convff.network import LayerLocalNet
from convff.rules.base import Setup
from convff.rules.headed import Headed, differentiate
from convff.schedule import Schedule


@dataclass(frozen=True, kw_only=True)
class Backpropagation(Headed):
    """Cross-entropy of a softmax head on the last block's activity, back through all blocks.

    The blocks are the same as for local rules, with gradients between them; the input carries the neutral label. Global
    average pooling and a linear head are the baseline of Scodellaro et al. 2025. For the arguments see `Headed`.
    """

    def start(self, setup: Setup) -> "BackpropStep":
        """Make the step of backpropagation on a network; for errors see `Headed.refuse`."""
        self.refuse(setup)
        return BackpropStep(setup.net, self.new_head(setup), setup.labels, setup.schedule)


class BackpropStep:
    """One step of backpropagation through all blocks and the head."""

    def __init__(self, net: LayerLocalNet, head: nn.Module, labels: Labels, schedule: Schedule) -> None:
        self.net = net
        self.labels = labels
        self.head = head
        self.modules: dict[str, nn.Module] = {"head": head}
        if schedule.optimizer in ("adam", "sgd"):
            self.optimizers = [schedule.make_optimizer([*net.parameters(), *head.parameters()])]
        else:  # steps relative to the weights' length: per layer, and never for a head that starts at zero
            self.optimizers = [schedule.make_optimizer(block.layer.parameters()) for block in net]
            of_layers = {id(parameter) for block in net for parameter in block.layer.parameters()}
            others = [parameter for parameter in net.parameters() if id(parameter) not in of_layers]
            self.optimizers.append(schedule.make_optimizer_beside([*others, *head.parameters()]))

    @torch.enable_grad()
    def __call__(self, batch: Batch, generator: torch.Generator) -> dict[str, Tensor]:
        """Take the step; see `convff.rules.base.Step`."""
        metrics = differentiate(self.net, self.head, self.labels, batch, generator, self.optimizers)
        for optimizer in self.optimizers:
            optimizer.step()
        return metrics
