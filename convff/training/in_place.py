"""The plain step of dense layers in place: no direction is ever held whole, so a step needs little beside the weights.

`W += eta sum_n c_n a_n x_n^T` is one matrix product that a library adds to the weights as it goes; in bfloat16, a few
units at a time. Any other step (momentum, Adam, a share of the weights, a sum over processes) needs a whole direction.
"""

from collections import defaultdict

import torch
from torch import Tensor, nn

from convff.functional import hebbian_step_linear_
from convff.labelling import Labels, LearningLabels, label_passes
from convff.machine.processes import Processes
from convff.network import LayerLocalNet
from convff.rules.base import ConstrainingRule, GatedRule, LocalRule, is_outer_product
from convff.schedule import Schedule
from convff.training.local_step import LocalStep


def goes_in_place(
    net: LayerLocalNet, labels: Labels, rule: LocalRule, schedule: Schedule, processes: Processes, compiled: bool
) -> bool:
    """Whether a step of every block is nothing but its rule's outer product, times a rate, added to its weights."""
    return (
        is_outer_product(rule)
        and not isinstance(rule, ConstrainingRule)
        and schedule.optimizer == "sgd"
        and schedule.momentum == 0
        and all(isinstance(block.layer, nn.Linear) for block in net)
        and not isinstance(labels, LearningLabels)
        and processes.size == 1
        and not compiled
    )


class InPlaceStep(LocalStep):
    """A `LocalStep` of dense layers by plain gradient descent: the same step, but for rounding."""

    @torch.no_grad()
    def __call__(self, images: Tensor, classes: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
        """See `Step`."""
        passes = self.draw_passes(classes, generator)
        rule: GatedRule = self.rule  # type: ignore[assignment]
        metrics: dict[str, list[Tensor]] = defaultdict(list)
        h, label = self.net.enter(label_passes(self.labels, images, passes))
        for block, optimizer in zip(self.net, self.optimizers, strict=True):
            x = block.normalised(h)
            a = block.activity(x)
            g = rule.goodness(a).view(passes.shape)
            h = self.net.beside(block.pool(a), label)
            c = rule.weights(g, a.shape[1]).reshape(-1)
            hebbian_step_linear_(block.layer, x, a, c, optimizer.param_groups[0]["lr"])  # type: ignore[arg-type]
            for name, value in rule.metrics(g, a.shape[1]).items():
                metrics[name].append(value)
        return {name: torch.stack(values) for name, values in metrics.items()}
