"""Protocols of learning rules, and what rules see and return."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from convff.contrasts import Contrast, LabelContrast, Layout, Scores
from convff.data import Batch
from convff.labelling import Labels
from convff.local_linear import Layer
from convff.machine.processes import OneProcess, Processes
from convff.network import Block, LayerLocalNet
from convff.outer import Outer
from convff.schedule import Schedule

Term = Outer | dict[str, Tensor]
"""A part of a direction: an outer product as its factors, or dense tensors by parameter name."""


class LocalUpdate(NamedTuple):
    """What a rule returns for a block: a direction, which an optimiser subtracts, its state and metrics.

    Args:
        terms: the direction is their sum; see `dense`.
        state: the rule's own memory for this block, for the next call.
        metrics: scalars on the device: `loss`, `discrimination` (fraction of decisions taken rightly), `saturation`
            (fraction of gates within 1 % of open or shut), `gate_right` and `gate_wrong` (means over the images, in
            [0, 1]: how much the right label strengthens, and how much the wrong ones weaken together), `goodness` (its
            mean over the tries) and `silent` (fraction of passes without any activity). A rule reports those it has.
        input: what an optimiser would subtract from the block's raw input `[N, ...]`; only if labels are trained.
    """

    terms: tuple[Term, ...]
    state: Any
    metrics: dict[str, Tensor]
    input: Tensor | None = None

    def dense(self, layer: Layer) -> dict[str, Tensor]:
        """Return the dense direction by parameter name, each in the parameter's dtype.

        Names are the layer's, and `beside.NAME` for the module beside it.
        """
        whole: dict[str, Tensor] = {}
        for term in self.terms:
            dense = term.dense(layer) if isinstance(term, Outer) else term
            whole |= {name: whole[name] + tensor if name in whole else tensor for name, tensor in dense.items()}
        return whole


class Seen(NamedTuple):
    """What a rule sees of one block in a step; nothing of the blocks above it.

    Args:
        block: the block, with its weights before the step.
        x: normalised input `[N, ...]`.
        a: activity `[N, ...]`, before pooling.
        layout: what each of the N passes is, with the classes and labels.
        z: `layer(x)` before the activation, `[N, ...]`; None unless the rule has an attribute `wants_z` that is true.
        beside: the module that learns beside the block's layer, if the rule has any.
    """

    block: Block
    x: Tensor
    a: Tensor
    layout: Layout
    z: Tensor | None = None
    beside: nn.Module | None = None


def see(block: Block, rule: object, x: Tensor, layout: Layout, beside: nn.Module | None = None) -> Seen:
    """Compute a block's activity, and show a rule what it looks at.

    Args:
        block: the block.
        rule: the rule; it gets the activity before the ReLU too if it has `wants_z`.
        x: normalised input `[N, ...]`.
        layout: what each of the N passes is.
        beside: the module that learns beside the block's layer, if any.

    Example:
        >>> from convff import ForwardForward, cnn3
        >>> block = next(iter(cnn3((1, 8, 8), width=4, kernel=3)))
        >>> seen = see(block, ForwardForward(), torch.rand(2, 1, 8, 8), Layout(torch.tensor([0]), passes=2))
        >>> seen.a.shape, seen.z
        (torch.Size([2, 4, 8, 8]), None)
    """
    z = block.layer(x) if getattr(rule, "wants_z", False) else None
    return Seen(block, x, block.activity(x) if z is None else block.activate(z), layout, z, beside)


class LocalRule(Protocol):
    """A rule that needs one block, its input and its activity, and nothing of the blocks above.

    A direction writes to no parameter and contains no learning rate: an optimiser takes the step. `evaluations` names
    the inferences that suit the rule, e.g. `("goodness", "linear")`, the main one first. Optional members are `wants_z`
    (see `Seen`), `needs_whole_batch` (true if a direction is no mean or sum over images, so that several processes are
    refused), `contrast` (makes its usual passes, from a label generator), `check(net, num_classes)` (raises ValueError
    for what the rule does not fit), `beside(block, generator)` (makes a module that learns beside the block's layer,
    e.g. a head, or None; its directions are named `beside.NAME`), `init_all(net)` (returns the states of all blocks, if
    they depend on where a block is), `fitting(width, block)` (the nearest number of channels that fits the block of
    that index, or every block if it is None) and `first_scored` (index of the first block whose scores tell all classes
    apart).
    """

    @property
    def evaluations(self) -> tuple[str, ...]:
        """The inferences that judge a network trained by this rule."""
        ...

    @property
    def batch_reduction(self) -> str:
        """Whether a direction is the "mean" or the "sum" over the images of the batch."""
        ...

    def init(self, block: Block) -> Any:
        """Return the state before the first step."""
        ...

    def direction(self, seen: Seen, state: Any) -> LocalUpdate:
        """Return the update of a block."""
        ...


@runtime_checkable
class InputRule(LocalRule, Protocol):
    """A rule that also gives a direction for its input, so that labels can learn by it."""

    def input_direction(self, seen: Seen) -> Tensor:
        """Return what an optimiser would subtract from the normalised input, in its shape."""
        ...


class Gating(NamedTuple):
    """How a gated rule weights the activity of a block: its direction is `sum_n (c * a)_n (x) x_n`.

    Args:
        c: signed weights, gate times gain, that broadcast against the activity: `[N]` or `[N, 1, 1, 1]` for one number
            per pass, `[N, C]` or `[N, C, 1, 1]` for one per unit or channel. None if a unit's weight is not a factor
            of its activity.
        tries: the same weights per try, `[B, M]`, right label first.
        open_weight: scale of the direction, for stabilisers: the total weight of the right tries of the batch if all
            gates were fully open, B for HebbFF and `2 s / n` for FF.
        metrics: see `LocalUpdate`.
    """

    c: Tensor | None
    tries: Tensor
    open_weight: float
    metrics: dict[str, Tensor]


@runtime_checkable
class GatedRule(InputRule, Protocol):
    """A rule that weights the Hebbian outer product by gates, which it computes from goodness."""

    def goodness(self, a: Tensor) -> Tensor:
        """Return the goodness of an activity `[N, ...]`: `[N]`, or `[N, K]` if each class has its own units."""
        ...

    def contribution(self, a: Tensor) -> Tensor:
        """Return what each unit of an activity `[N, ...]` adds to its goodness, in the shape of `a`."""
        ...

    def gating(self, seen: Seen) -> Gating:
        """Return the gates of a block."""
        ...


@runtime_checkable
class ConstrainingRule(LocalRule, Protocol):
    """A rule that also constrains the parameters after each step of the optimiser."""

    def constrain(self, block: Block, state: Any) -> None:
        """Constrain a block's parameters in place; called after each step, with the state of that step."""
        ...


def initial_states(rule: LocalRule, net: LayerLocalNet) -> list[Any]:
    """Return the state of a rule for every block, before the first step."""
    init_all: Callable[[LayerLocalNet], list[Any]] | None = getattr(rule, "init_all", None)
    return [rule.init(block) for block in net] if init_all is None else init_all(net)


@dataclass(frozen=True, kw_only=True, eq=False)
class Setup:
    """What a rule starts with: the network to train, and everything else that a step needs.

    Args:
        net: the network; trained in place.
        labels: a label generator.
        schedule: makes the optimisers.
        contrast: makes the passes of a step; None for the rule's own.
        scores: gives class scores of images, for a contrast that chooses by them; None if there are none.
        processes: the processes that share each batch.
        compiled: fuse the arithmetic of each block by `torch.compile`.
        seed: key of the initial weights of modules beside the blocks.
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
    """One step of learning by a rule, on a network.

    Attributes:
        optimizers: all optimisers; the trainer sets their rate.
        modules: the modules trained beside the network, by name; saved with it and used by evaluations.
    """

    optimizers: list[torch.optim.Optimizer]
    modules: dict[str, nn.Module]

    def __call__(self, batch: Batch, generator: torch.Generator) -> dict[str, Tensor]:
        """Learn from a batch; return metrics `[blocks]` or `[1]` by name, on the device."""
        ...


@runtime_checkable
class StartingRule(Protocol):
    """A rule with its own step, e.g. because it is not local."""

    def start(self, setup: Setup) -> Step:
        """Make the step; raise ValueError if the rule does not support the setup."""
        ...
