"""A step of a local rule: every block learns from the same batch, and none waits for another."""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from convff.contrasts import Layout, Remembering, memory_of
from convff.data import Batch
from convff.machine.processes import Shard
from convff.network import Block
from convff.outer import Outer
from convff.rules.base import (
    ConstrainingRule,
    LocalRule,
    LocalUpdate,
    Setup,
    StartingRule,
    Step,
    contrast_of,
    initial_states,
)
from convff.training.block_step import BlockInput, BlockStep, Normalised, block_step
from convff.training.blockwise import Prepared, frozen_activity, is_pure, raw_input
from convff.training.compiled import CompiledBlockStep
from convff.training.halving import HalvingStep
from convff.training.setting_up import (
    modules_beside,
    refuse_steps,
    refuse_to_observe,
    refuse_unfit,
    suit_local_fields,
    take_step,
)
from convff.training.sums import add_by_name
from convff.training.trainable_labels import trainable_labels

Finish = Callable[[], None]


def start(rule: LocalRule | StartingRule, setup: Setup) -> Step:
    """Make the step of a rule on a network: its own, or else a `LocalStep`.

    Raises:
        ValueError: the rule does not support the setup, or cannot learn by its optimiser.

    Example:
        >>> from convff import RULES, cnn3
        >>> from labels import FourierLabels
        >>> setup = Setup(net=cnn3((1, 8, 8), width=4, kernel=3), labels=FourierLabels(3, (8, 8)))
        >>> {name: list(start(RULES[name](), setup).modules) for name in ("ff", "hebbff", "bp")}
        {'ff': [], 'hebbff': [], 'bp': ['head']}
    """
    step = rule.start(setup) if isinstance(rule, StartingRule) else LocalStep(rule, setup)
    refuse_steps(rule, setup.schedule.optimizer)
    suit_local_fields(setup.net, step.optimizers)
    return step


class LocalStep:
    """A step of a local rule in every block, all with the same batch, with one optimiser per block.

    Trainable labels have their own optimiser, the last one, and learn by the rule of the first block. All blocks learn
    unless `learning` is set; see `BlockwiseStep`.

    Args:
        rule: the rule of every block.
        setup: the network, and what else a step needs.

    Raises:
        ValueError: the rule needs the whole batch, but there are several processes; it does not fit the network;
            trainable labels cannot learn by it; or the contrast learns from goodness that the step does not have.
    """

    def __init__(self, rule: LocalRule, setup: Setup) -> None:
        setup.schedule.check(len(setup.net))
        refuse_unfit(rule, setup)
        self.net, self.rule, self.processes, self.scores = setup.net, rule, setup.processes, setup.scores
        self.contrast = setup.contrast or contrast_of(rule, setup.labels)
        self.memory = memory_of(self.contrast)
        if self.memory:
            refuse_to_observe(rule, setup)
        self.block_step: BlockStep = HalvingStep(CompiledBlockStep() if setup.compiled else block_step)
        self.modules: dict[str, nn.Module] = {}
        self.learning = range(len(setup.net))
        self.optimizers = [setup.schedule.make_optimizer(block.layer.parameters()) for block in self.net]
        self.states = initial_states(rule, self.net)
        self.beside = modules_beside(rule, setup)
        if any(module is not None for module in self.beside):
            self.modules["beside"] = nn.ModuleList(module or nn.Identity() for module in self.beside)
        self.beside_optimizers = {
            index: setup.schedule.make_optimizer_beside(module.parameters())
            for index, module in enumerate(self.beside)
            if module is not None and list(module.parameters())
        }
        for index, optimizer in [*enumerate(self.optimizers), *self.beside_optimizers.items()]:
            for group in optimizer.param_groups:
                group["window"] = setup.schedule.window(index, len(self.net))
        for index, optimizer in enumerate(self.optimizers):
            for group in optimizer.param_groups:
                group["factor"] = setup.schedule.factor(index)
        self.optimizers += self.beside_optimizers.values()
        self.trainable_labels = trainable_labels(self.contrast.labels, self.net, rule)
        if self.trainable_labels is not None:
            self.optimizers.append(setup.schedule.make_optimizer(self.trainable_labels.parameters()))
            for group in self.optimizers[-1].param_groups:
                group["window"] = setup.schedule.window(0, len(self.net))
        # A plain step needs no dense direction, neither of one visit nor summed over visits or processes.
        self._adds_factors = setup.schedule.is_plain and self.processes.size == 1 and not self.net.repeats

    @torch.no_grad()
    def __call__(self, batch: Batch, generator: torch.Generator) -> dict[str, Tensor]:
        """See `Step`."""
        return self.learn(self._passes(batch, generator))

    def _passes(self, batch: Batch, generator: torch.Generator) -> Prepared:
        shard = self.processes.shard(len(batch.targets))
        return Prepared(self.contrast(batch, generator, self.scores, shard.rows), shard)

    @torch.no_grad()
    def prepare(self, batch: Batch, generator: torch.Generator) -> Prepared:
        """See `BlockwiseStep`."""
        prepared = self._passes(batch, generator)
        if len(self.learning) > 1 or self.net.repeats:
            return prepared
        (inputs, layout), index = prepared.passes, self.learning.start
        raw = raw_input(self.net, inputs, index, partial(self._stay, layout))
        block: Block = self.net.blocks[index]  # type: ignore[assignment]
        kept: BlockInput = raw
        if is_pure(block.norm) and not self._labels_learn(index):
            kept = Normalised(block.normalised(raw, layout.stream))
        return prepared._replace(passes=prepared.passes._replace(inputs=inputs.new_empty(0)), block=index, h=kept)

    @torch.no_grad()
    def learn(self, prepared: Prepared) -> dict[str, Tensor]:
        """See `BlockwiseStep`."""
        (inputs, layout), shard = prepared.passes, prepared.shard
        metrics: dict[int, list[dict[str, Tensor]]] = {}
        repeated: dict[int, dict[str, Tensor]] = {}
        finish_block_below: Finish | None = None
        goodness: list[Tensor] = []  # of the passes, only for a contrast that learns from them

        def visit(index: int, block: Block, h: BlockInput) -> Tensor:
            nonlocal finish_block_below
            if index not in self.learning:
                assert isinstance(h, Tensor)
                return self._stay(layout, index, block, h)
            a, update = self.block_step(
                block, self.rule, h, layout, self.states[index], self.beside[index], self._labels_learn(index)
            )
            self.states[index] = update.state
            metrics.setdefault(index, []).append(update.metrics)
            if self.memory:
                goodness.append(self.rule.goodness(a))  # type: ignore[attr-defined]
            if self.net.repeats and self.optimizers[index].param_groups[0]["lr"] > 0:
                add_by_name(repeated.setdefault(index, {}), self._directions(index, update, layout))
                return a
            finish = self._begin(index, update, layout, shard)
            # Directions are summed while the next block computes; no block waits for one above it. The next block sees
            # the activity from before this block's step: all blocks learn at once.
            if finish_block_below is not None:
                finish_block_below()
            finish_block_below = finish
            return a

        if prepared.block is None:
            self.net.route(inputs, visit, None if self.learning.stop == len(self.net) else self.learning.stop)
        else:
            assert prepared.h is not None
            visit(prepared.block, self.net.blocks[prepared.block], prepared.h)  # type: ignore[arg-type]
        if finish_block_below is not None:
            finish_block_below()
        for finish in [self._send(index, directions, shard) for index, directions in repeated.items()]:
            finish()
        if isinstance(self.contrast, Remembering) and self.memory:
            self.contrast.observe(layout, torch.stack(goodness))
        return {name: values * shard.of_mean for name, values in _by_block(metrics).items()}

    def _stay(self, layout: Layout, index: int, block: Block, h: Tensor) -> Tensor:
        """Visit a block that does not learn."""
        return frozen_activity(block, self.rule, h, layout, self.beside[index])

    def _labels_learn(self, index: int) -> bool:
        return self.trainable_labels is not None and index == 0

    def _begin(self, index: int, update: LocalUpdate, layout: Layout, shard: Shard) -> Finish:
        """Begin the step of a block; return a function that completes it."""
        if self.optimizers[index].param_groups[0]["lr"] == 0:
            return _rest  # its direction, the most expensive part of a step, is never computed
        layer = self.net.blocks[index].layer
        if self._adds_factors and isinstance(layer, nn.Linear) and update.input is None and len(update.terms) == 1:
            (term,) = update.terms
            if isinstance(term, Outer):
                term.add_to_(layer, -self.optimizers[index].param_groups[0]["lr"])
                return partial(self._constrain, index)
        return self._send(index, self._directions(index, update, layout), shard)

    def _directions(self, index: int, update: LocalUpdate, layout: Layout) -> dict[str, Tensor]:
        """Return the dense direction of a block by parameter name, and of trainable labels as `labels.0`, ..."""
        directions = update.dense(self.net.blocks[index].layer)  # type: ignore[arg-type]
        if self.trainable_labels is not None and update.input is not None and layout.labels is not None:
            of_labels = self.trainable_labels.grads(layout.labels, layout.by_image(update.input))
            directions |= {f"labels.{number}": direction for number, direction in enumerate(of_labels)}
        return directions

    def _send(self, index: int, directions: dict[str, Tensor], shard: Shard) -> Finish:
        """Begin the sum over processes; return a function that waits for it and steps."""
        wait = self.processes.start_sum(directions.values(), shard.weight(self.rule.batch_reduction))
        return partial(self._finish, index, directions, wait)

    def _finish(self, index: int, directions: dict[str, Tensor], wait: Callable[[], None]) -> None:
        """Step a block once its directions are summed, and with it the labels, if they learn by this block."""
        wait()
        named = self.net.blocks[index].layer.named_parameters()  # type: ignore[union-attr]
        take_step(self.optimizers[index], ((parameter, directions[name]) for name, parameter in named))
        self._constrain(index)
        module = self.beside[index]
        if module is not None and index in self.beside_optimizers:
            named = module.named_parameters()
            take_step(self.beside_optimizers[index], ((p, directions[f"beside.{name}"]) for name, p in named))
        of_labels = [direction for name, direction in directions.items() if name.startswith("labels.")]
        if self.trainable_labels is not None and of_labels:
            take_step(self.optimizers[-1], zip(self.trainable_labels.parameters(), of_labels, strict=True))

    def _constrain(self, index: int) -> None:
        if isinstance(self.rule, ConstrainingRule):
            self.rule.constrain(self.net.blocks[index], self.states[index])  # type: ignore[arg-type]


def _rest() -> None:
    """No-op: the block does not learn now."""


def _by_block(metrics: dict[int, list[dict[str, Tensor]]]) -> dict[str, Tensor]:
    """Stack metrics by block: `[blocks]` by name; the mean over the visits of a block that was visited repeatedly."""
    means = [
        visits[0] if len(visits) == 1 else {name: torch.stack([v[name] for v in visits]).mean(0) for name in visits[0]}
        for _, visits in sorted(metrics.items())
    ]
    return {name: torch.stack([mean[name] for mean in means]) for name in means[0]}
