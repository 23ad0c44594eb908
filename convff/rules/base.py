"""What a learning rule is."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from convff.labelling import Labels, Negatives
from convff.machine.processes import OneProcess, Processes
from convff.network import Block, LayerLocalNet
from convff.outer import Outer
from convff.schedule import Schedule

Term = Outer | dict[str, Tensor]
"""A part of a direction: an outer product as its factors, or dense tensors by parameter name."""


class LocalUpdate(NamedTuple):
    """What a rule says to a block: a direction, which an optimiser subtracts, and what the step showed.

    Args:
        terms: the direction is their sum. See `dense`.
        state: the rule's own memory for this block, for the next call.
        metrics: scalars on the device: `loss`, `discrimination` (fraction of decisions taken rightly), `saturation`
            (fraction of gates within 1 % of open or shut), `gate_right` and `gate_wrong` (means over the images, in
            [0, 1]: how much the right label strengthens, and how much the wrong ones weaken together), `goodness` (its
            mean over the passes) and `silent` (fraction of passes without any activity).
        input: what an optimiser would subtract from the block's raw input `[B*P, ...]`; only where labels learn.
    """

    terms: tuple[Term, ...]
    state: Any
    metrics: dict[str, Tensor]
    input: Tensor | None = None

    def dense(self, layer: nn.Linear | nn.Conv2d) -> dict[str, Tensor]:
        """Return the whole direction by parameter name of the layer, each in the parameter's dtype."""
        first, *others = (term.dense(layer) if isinstance(term, Outer) else term for term in self.terms)
        whole = dict(first)
        for other in others:
            whole |= {name: whole[name] + tensor for name, tensor in other.items()}
        return whole


class LocalRule(Protocol):
    """A rule that needs one block, its input and its activity, and nothing of the blocks above.

    Its direction never writes to a parameter and knows no learning rate: directions are for an optimiser. A rule names
    the inferences that make sense for it by `evaluations`, e.g. `("goodness", "linear")`.
    """

    @property
    def evaluations(self) -> tuple[str, ...]:
        """The inferences by which a network that learnt by this rule is judged."""
        ...

    @property
    def batch_reduction(self) -> str:
        """Whether a direction is the "mean" or the "sum" over the images of the batch."""
        ...

    def init(self, block: Block) -> Any:
        """The state before the first step."""
        ...

    def goodness(self, a: Tensor) -> Tensor:
        """Goodness `[N]` of an activity `[N, ...]`."""
        ...

    def direction(self, block: Block, x: Tensor, a: Tensor, g: Tensor, state: Any) -> LocalUpdate:
        """The update for normalised input x `[B*P, ...]`, activity a `[B*P, ...]` and goodness g `[B, P]`."""
        ...

    def metrics(self, g: Tensor, units: int) -> dict[str, Tensor]:
        """Return the metrics of an update, for goodness `[B, P]` of a layer of `units` units."""
        ...


@runtime_checkable
class InputRule(LocalRule, Protocol):
    """A rule that also says what it wants of its input, so that labels can learn by it."""

    def input_direction(self, block: Block, x: Tensor, a: Tensor, g: Tensor) -> Tensor:
        """What an optimiser would subtract from the normalised input x, of its shape."""
        ...


@runtime_checkable
class GatedRule(InputRule, Protocol):
    """A rule that weighs the Hebbian outer product of each pass by a gate, `sum_n c_n a_n x_n^T`."""

    def contribution(self, a: Tensor) -> Tensor:
        """Return what each unit of an activity `[N, ...]` adds to its goodness, in the shape of `a`."""
        ...

    def gain(self, units: int, images: int) -> float:
        """Scale of the direction: the weight of a fully open gate, for `units` units and a batch of `images`."""
        ...

    def weights(self, g: Tensor, units: int) -> Tensor:
        """Return the signed weight c `[B, P]` of each pass, gate times gain, for goodness `[B, P]` of `units` units."""
        ...


@runtime_checkable
class ConstrainingRule(LocalRule, Protocol):
    """A rule that also holds the parameters to something, whatever the optimiser did."""

    def constrain(self, block: Block, state: Any) -> None:
        """Put a block's parameters back where they have to be; called after each step, with the state of that step."""
        ...


@dataclass(frozen=True, kw_only=True, eq=False)
class Setup:
    """What a rule starts with: the network to train, and everything that a step needs beside it.

    Args:
        net: the network; trained in place.
        labels: a label generator.
        schedule: makes the optimisers.
        negatives: draws the wrong labels; None for the default of the rule.
        processes: who shares each batch.
        compiled: fuse the arithmetic of each block by `torch.compile`.
    """

    net: LayerLocalNet
    labels: Labels
    schedule: Schedule = field(default_factory=Schedule)
    negatives: Negatives | None = None
    processes: Processes = field(default_factory=OneProcess)
    compiled: bool = False


class Step(Protocol):
    """One step of learning; what a rule makes of a network.

    Attributes:
        optimizers: all optimisers; the trainer sets their rate.
        modules: what was trained beside the network, by name: it is saved with the network and judged.
    """

    optimizers: list[torch.optim.Optimizer]
    modules: dict[str, nn.Module]

    def __call__(self, images: Tensor, classes: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
        """Learn from images `[B, C, H, W]` of right classes `[B]`; metrics `[blocks]` or `[1]`, left on the device."""
        ...


@runtime_checkable
class StartingRule(Protocol):
    """A rule that brings a step of its own, e.g. because it is not local."""

    def start(self, setup: Setup) -> Step:
        """Make the step; ValueError if the rule cannot follow the setup."""
        ...
