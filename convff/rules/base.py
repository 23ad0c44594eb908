"""What a learning rule is."""

from typing import Any, NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor

from convff.labelling import Labels
from convff.network import Block, LayerLocalNet
from convff.schedule import Schedule


class LocalUpdate(NamedTuple):
    """What a rule says to a block.

    Args:
        grads: by parameter name of `block.layer`; what an optimiser subtracts, so the direction with a minus.
        state: the rule's own memory for this block, for the next call.
        metrics: scalars on the device: `loss`, `discrimination` (share of decisions taken rightly), `saturation` (share
            of gates within 1 % of open or shut), `gate_right` and `gate_wrong` (means over the images, in [0, 1]: how
            much the right label strengthens, and how much the wrong ones weaken together), `goodness` (its mean over
            the passes) and `silent` (share of passes without any activity).
        input: what an optimiser would subtract from the block's raw input `[B*P, ...]`; only where labels learn.
    """

    grads: dict[str, Tensor]
    state: Any
    metrics: dict[str, Tensor]
    input: Tensor | None = None


class LocalRule(Protocol):
    """A rule that needs one block, its input and its activity, and nothing of the blocks above.

    Its direction never writes to a parameter and knows no learning rate: directions are for an optimiser.
    """

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
        """The metrics of an update, for goodness `[B, P]` of a layer of so many units."""
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

    def gain(self, units: int, images: int) -> float:
        """What a gate that is fully open weighs, in a layer of so many units and a batch of so many images."""
        ...

    def weights(self, g: Tensor, units: int) -> Tensor:
        """The signed weight c `[B, P]` of each pass, gate times gain, for goodness `[B, P]` of so many units."""
        ...


def is_outer_product(rule: LocalRule) -> bool:
    """Whether a rule's direction is the gated outer product and nothing beside, so that it need not be held.

    A class promises that by `is_outer_product: ClassVar[bool] = True`. It does so for itself alone: a subclass may have
    another direction, and makes the promise again if it has not.
    """
    return vars(type(rule)).get("is_outer_product") is True


@runtime_checkable
class ConstrainingRule(LocalRule, Protocol):
    """A rule that also holds the parameters to something, whatever the optimiser did."""

    def constrain(self, block: Block, state: Any) -> None:
        """Put a block's parameters back where they have to be; called after each step, with the state of that step."""
        ...


class Step(Protocol):
    """One step of learning; what a rule makes of a network."""

    optimizers: list[torch.optim.Optimizer]

    def __call__(self, images: Tensor, classes: Tensor, generator: torch.Generator) -> dict[str, Tensor]:
        """Learn from images `[B, C, H, W]` of right classes `[B]`; metrics `[blocks]` or `[1]`, left on the device."""
        ...


@runtime_checkable
class NetworkRule(Protocol):
    """A rule that is not local, e.g. backpropagation: it brings its own step."""

    def start(self, net: LayerLocalNet, labels: Labels, num_classes: int, schedule: Schedule) -> Step:
        """The step of this rule on a network."""
        ...
