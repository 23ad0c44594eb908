"""One step of learning while a network settles: every layer learns at every iteration, and nothing is stored."""

import torch
from torch import Tensor, nn

from convff.contrasts import Layout
from convff.data import Batch
from convff.recurrent.learning import Learning
from convff.recurrent.lesson import Lesson
from convff.recurrent.network import RecurrentNet
from convff.recurrent.settling import Settling
from convff.rules.base import Setup, contrast_of
from convff.stabilisers.base import per_unit
from convff.stabilisers.peer import PeerNormalisation
from convff.training.setting_up import take_step


class RecurrentStep:
    """The step of `RecurrentForwardForward` on a network, with one optimiser per layer.

    Args:
        rule: the rule.
        setup: the network, a `RecurrentNet`, and what else a step needs.

    Raises:
        ValueError: another network or number of classes, or what the rule cannot use: `compiled`, or several processes
            with peer normalisation.
    """

    def __init__(self, rule: Learning, setup: Setup) -> None:
        rule.check(setup.net, setup.labels.num_classes)
        assert isinstance(setup.net, RecurrentNet)
        if setup.compiled:
            raise ValueError("a network that settles is not compiled: compiled would be ignored")
        if rule.peer and setup.processes.size > 1:
            raise ValueError("peer normalisation needs the whole batch: use one process")
        self.net, self.rule, self.processes, self.scores = setup.net, rule, setup.processes, setup.scores
        self.contrast = setup.contrast or contrast_of(rule, setup.labels)
        self.modules: dict[str, nn.Module] = {}
        self.optimizers = [setup.schedule.make_optimizer(block.layer.parameters()) for block in self.net]
        self.states = [per_unit(block, PeerNormalisation.start) if rule.peer else None for block in self.net]

    @torch.no_grad()
    def __call__(self, batch: Batch, generator: torch.Generator) -> dict[str, Tensor]:
        """Settle under right and wrong labels, and step; see `convff.rules.base.Step`."""
        shard = self.processes.shard(len(batch.targets))
        inputs, layout = self.contrast(batch, generator, self.scores, shard.rows)
        directions, metrics = self.directions(inputs[:: layout.passes], layout)
        values = [value for of_layer in directions for value in of_layer.values()]
        self.processes.start_sum(values, shard.weight("mean"))()
        for optimizer, block, of_layer in zip(self.optimizers, self.net, directions, strict=True):
            named = block.layer.named_parameters()
            take_step(optimizer, ((parameter, of_layer[name].to(parameter.dtype)) for name, parameter in named))
        return {name: value * shard.of_mean for name, value in metrics.items()}

    def directions(self, images: Tensor, layout: Layout) -> tuple[list[dict[str, Tensor]], dict[str, Tensor]]:
        """Return the direction of each layer by parameter name, which an optimiser subtracts, and metrics `[layers]`.

        Args:
            images: float `[B, C, H, W]`.
            layout: the labels of the passes, the right one first.
        """
        assert layout.labels is not None
        rule = self.rule
        settling = Settling(self.net, images, layout.labels, damping=rule.damping, updates=rule.updates)
        lessons = [Lesson(self.net, index, rule, layout) for index in range(len(self.net))]
        for iteration in range(1, rule.iterations + 1):
            moved = settling.iterate()
            if iteration >= rule.learn_from:
                for lesson, layer in zip(lessons, moved, strict=True):
                    lesson.see(layer)
        found = []
        for index, lesson in enumerate(lessons):
            direction, self.states[index] = lesson.direction(settling, self.states[index])
            found.append(direction)
        means = [lesson.means() for lesson in lessons]
        return found, {name: torch.stack([of_layer[name] for of_layer in means]) for name in means[0]}
