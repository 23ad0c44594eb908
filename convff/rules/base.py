"""What a learning rule is."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from convff.contrasts import Contrast, LabelContrast, Layout, Scores
from convff.data import Batch
from convff.labelling import Labels
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
            mean over the tries) and `silent` (fraction of passes without any activity). A rule shows what it has.
        input: what an optimiser would subtract from the block's raw input `[N, ...]`; only where labels learn.
    """

    terms: tuple[Term, ...]
    state: Any
    metrics: dict[str, Tensor]
    input: Tensor | None = None

    def dense(self, layer: nn.Linear | nn.Conv2d) -> dict[str, Tensor]:
        """Return the whole direction by parameter name, each in the parameter's dtype.

        Names are those of the layer, and `beside.NAME` for what learns beside it.
        """
        whole: dict[str, Tensor] = {}
        for term in self.terms:
            dense = term.dense(layer) if isinstance(term, Outer) else term
            whole |= {name: whole[name] + tensor if name in whole else tensor for name, tensor in dense.items()}
        return whole


class Seen(NamedTuple):
    """What a rule sees of one block in a step; nothing of the blocks above it.

    Args:
        block: the block, with its weights as they were before the step.
        x: normalised input `[N, ...]`.
        a: activity `[N, ...]`, before pooling.
        layout: what each of the N passes is, with the classes and labels.
        z: `layer(x)` before the ReLU, `[N, ...]`; None unless the rule has an attribute `wants_z` that is true.
        beside: the module that learns beside the block's layer, where the rule has any.
    """

    block: Block
    x: Tensor
    a: Tensor
    layout: Layout
    z: Tensor | None = None
    beside: nn.Module | None = None


class LocalRule(Protocol):
    """A rule that needs one block, its input and its activity, and nothing of the blocks above.

    Its direction never writes to a parameter and knows no learning rate: directions are for an optimiser. A rule names
    the inferences that make sense for it by `evaluations`, e.g. `("goodness", "linear")`; the first is the one that it
    is known by. Beside what is here it may have `wants_z` (see `Seen`), `needs_whole_batch` (true where a direction is
    no mean or sum over images, so that several processes are refused), `contrast` (makes its usual passes, of a label
    generator), `check(net, num_classes)` (refuses by ValueError what it does not fit) and `beside(block, generator)`
    (makes a module that learns beside the block's layer, e.g. a head, or None; its directions are named `beside.NAME`).
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

    def direction(self, seen: Seen, state: Any) -> LocalUpdate:
        """The update of a block."""
        ...


@runtime_checkable
class InputRule(LocalRule, Protocol):
    """A rule that also says what it wants of its input, so that labels can learn by it."""

    def input_direction(self, seen: Seen) -> Tensor:
        """What an optimiser would subtract from the normalised input, of its shape."""
        ...


class Gating(NamedTuple):
    """How a gated rule weighs the activity of a block: its direction is `sum_n (c * a)_n (x) x_n`.

    Args:
        c: signed weights, gate times gain, that broadcast against the activity: `[N]` or `[N, 1, 1, 1]` for one number
            per pass, `[N, C]` or `[N, C, 1, 1]` for one per unit or channel. None where a unit's weight is not a factor
            of its activity.
        tries: the same before they are brought to the units, `[B, M]`, the right label first.
        open_weight: what the right tries of the batch would weigh together if all gates were fully open: B for HebbFF,
            `2 s / n` for FF. It tells a stabiliser on what scale the direction is.
        metrics: see `LocalUpdate`.
    """

    c: Tensor | None
    tries: Tensor
    open_weight: float
    metrics: dict[str, Tensor]


@runtime_checkable
class GatedRule(InputRule, Protocol):
    """A rule that weighs the Hebbian outer product by gates, which it draws from goodness."""

    def goodness(self, a: Tensor) -> Tensor:
        """Goodness of an activity `[N, ...]`: `[N]`, or `[N, K]` where each class has units of its own."""
        ...

    def contribution(self, a: Tensor) -> Tensor:
        """Return what each unit of an activity `[N, ...]` adds to its goodness, in the shape of `a`."""
        ...

    def gating(self, seen: Seen) -> Gating:
        """The gates of a block."""
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
        contrast: makes the passes of a step; None for the rule's own.
        scores: gives class scores of images to a contrast that chooses by them; None if there are none.
        processes: who shares each batch.
        compiled: fuse the arithmetic of each block by `torch.compile`.
        seed: key of the initial weights of what learns beside the blocks.
    """

    net: LayerLocalNet
    labels: Labels
    schedule: Schedule = field(default_factory=Schedule)
    contrast: Contrast | None = None
    scores: Scores | None = None
    processes: Processes = field(default_factory=OneProcess)
    compiled: bool = False
    seed: int = 0


def contrast_of(rule: object, labels: Labels) -> Contrast:
    """Make the usual contrast of a rule: its own, or else `LabelContrast`.

    Example:
        >>> from convff import AtOutput, ForwardForward
        >>> from labels import NoLabels
        >>> type(contrast_of(ForwardForward(label_at=AtOutput(3)), NoLabels(3))).__name__
        'Unlabelled'
    """
    contrast: Contrast = getattr(rule, "contrast", LabelContrast)(labels)
    return contrast


class Step(Protocol):
    """One step of learning; what a rule makes of a network.

    Attributes:
        optimizers: all optimisers; the trainer sets their rate.
        modules: what was trained beside the network, by name: it is saved with the network and judged.
    """

    optimizers: list[torch.optim.Optimizer]
    modules: dict[str, nn.Module]

    def __call__(self, batch: Batch, generator: torch.Generator) -> dict[str, Tensor]:
        """Learn from a batch; returns metrics `[blocks]` or `[1]` by name, left on the device."""
        ...


@runtime_checkable
class StartingRule(Protocol):
    """A rule that brings a step of its own, e.g. because it is not local."""

    def start(self, setup: Setup) -> Step:
        """Make the step; ValueError if the rule cannot follow the setup."""
        ...
