"""A step of a local rule: every block learns from the same batch, and none waits for another."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from functools import partial

import torch
from einops import rearrange
from torch import Tensor, nn

from convff.labelling import Labels, label_passes
from convff.machine.processes import OneProcess, Processes
from convff.network import LayerLocalNet
from convff.rules.base import ConstrainingRule, LocalRule
from convff.schedule import Schedule
from convff.training.compiled import BlockPass, CompiledBlockPass, block_pass
from convff.training.label_learning import learning_labels
from convff.training.negatives import Negatives


def _laid_out_like(parameter: Tensor, grad: Tensor) -> Tensor:
    """The gradient in the parameter's memory format, which fused optimisers take for granted."""
    return grad if grad.stride() == parameter.stride() else torch.empty_like(parameter).copy_(grad)


def _step(optimizer: torch.optim.Optimizer, directions: Iterable[tuple[nn.Parameter, Tensor]]) -> None:
    """Take one step along the directions, each beside its parameter."""
    for parameter, direction in directions:
        parameter.grad = _laid_out_like(parameter, direction)
    optimizer.step()
    optimizer.zero_grad()  # nothing of a step is kept, so memory does not grow with depth


class LocalStep:
    """A step of a local rule in every block, all with the same batch, one optimiser a block.

    Labels that learn have an optimiser of their own, the last one, and learn by the rule of the first block.

    Args:
        net: the network.
        labels: a label generator.
        rule: the rule of every block.
        negatives: draws the wrong labels.
        schedule: makes the optimisers.
        processes: who shares the batch.
        compiled: fuse the arithmetic of each block by `torch.compile`.
    """

    def __init__(
        self,
        net: LayerLocalNet,
        labels: Labels,
        rule: LocalRule,
        negatives: Negatives,
        schedule: Schedule,
        processes: Processes | None = None,
        compiled: bool = False,
    ) -> None:
        self.net = net
        self.labels = labels
        self.rule = rule
        self.negatives = negatives
        self.processes = processes or OneProcess()
        self.block_pass: BlockPass = CompiledBlockPass() if compiled else block_pass
        self.optimizers = [schedule.make_optimizer(block.layer.parameters()) for block in net]
        self.states = [rule.init(block) for block in net]
        self.learning_labels = learning_labels(labels, net, rule)
        if self.learning_labels is not None:
            self.optimizers.append(schedule.make_optimizer(self.learning_labels.parameters()))

    @torch.no_grad()
    def __call__(self, images: Tensor, classes: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
        """See `Step`."""
        share = self.processes.share(len(images))
        passes = self.draw_passes(classes, generator)[share.rows]
        metrics: dict[str, list[Tensor]] = defaultdict(list)
        finish_block_below: Callable[[], None] | None = None
        h, label = self.net.enter(label_passes(self.labels, images[share.rows], passes))  # (B*P, C', H, W)
        for index, block in enumerate(self.net):
            # The next block sees the activity from before this block's step: all blocks learn at once.
            learning = self.learning_labels if index == 0 else None
            h, update = self.block_pass(block, self.rule, h, passes.shape[1], self.states[index], learning is not None)
            self.states[index] = update.state
            h = self.net.beside(h, label)
            weight = share.weight(self.rule.batch_reduction)
            of_labels: list[Tensor] = []
            if learning is not None and update.input is not None:
                of_labels = learning.grads(
                    passes, rearrange(update.input, "(b p) c h w -> b p c h w", p=passes.shape[1])
                )
            wait = self.processes.start_sum([*update.grads.values(), *of_labels], weight)
            # Directions travel while the next block computes; no block waits for one above it.
            if finish_block_below is not None:
                finish_block_below()
            finish_block_below = partial(self._finish, index, update.grads, of_labels, wait)
            for name, value in update.metrics.items():
                metrics[name].append(value)
        if finish_block_below is not None:
            finish_block_below()
        return {name: torch.stack(values) * share.of_mean for name, values in metrics.items()}

    def draw_passes(self, classes: Tensor, generator: torch.Generator) -> Tensor:
        """The label of each pass `[B, P]` for images of right classes `[B]`: the right one, and wrong ones."""
        wrong = self.negatives(classes, self.labels.num_classes, generator)
        return torch.cat([classes[:, None], wrong], dim=1)

    def _finish(self, index: int, grads: dict[str, Tensor], of_labels: list[Tensor], wait: Callable[[], None]) -> None:
        """Step a block once its directions are summed, and the labels after the first block if they learn."""
        wait()
        named = self.net.blocks[index].layer.named_parameters()  # type: ignore[union-attr]
        _step(self.optimizers[index], ((parameter, grads[name]) for name, parameter in named))
        if isinstance(self.rule, ConstrainingRule):
            self.rule.constrain(self.net.blocks[index], self.states[index])  # type: ignore[arg-type]
        if self.learning_labels is not None and of_labels:
            _step(self.optimizers[-1], zip(self.learning_labels.parameters(), of_labels, strict=True))
