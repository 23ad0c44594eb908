"""Forward-Forward (Hinton 2022; Scodellaro et al. 2025 for convolutions)."""

from dataclasses import dataclass, field
from typing import ClassVar

from torch import Tensor

from convff.functional import CONTRIBUTION, GOODNESS
from convff.gates import Gate, Symmetric
from convff.network import Block
from convff.rules.base import LocalUpdate
from convff.rules.gated import gate_metrics, gated_input_direction, gated_outer


@dataclass(frozen=True, kw_only=True)
class ForwardForward:
    """Gradient descent on a layer's own FF loss, in closed form.

    With ReLU, `d g / d W` is `2/n a x^T` for mean goodness (`2 a x^T` for the sum), so the gradient of the batch's
    mean loss is the gated Hebbian outer product times `2 s / (n B)`: no graph is built. The tests hold it
    against autograd, for every gate, dense and convolutional.

    Args:
        gate: how goodness becomes the weight of a pass; see `convff.gates`.
        reduction: goodness is the "mean" or the "sum" of squares.
    """

    batch_reduction: ClassVar[str] = "mean"
    evaluations: ClassVar[tuple[str, ...]] = ("goodness", "linear")

    gate: Gate = field(default_factory=Symmetric)
    reduction: str = "mean"

    def init(self, block: Block) -> None:
        """FF keeps no state."""

    def goodness(self, a: Tensor) -> Tensor:
        """Goodness `[N]` of activity `[N, ...]`."""
        return GOODNESS[self.reduction](a)

    def contribution(self, a: Tensor) -> Tensor:
        """Return what each unit adds to the goodness, in the shape of `a`."""
        return CONTRIBUTION[self.reduction](a)

    def loss(self, g: Tensor, units: int) -> Tensor:
        """The mean FF loss of the batch, whose gradient the direction is."""
        return self.gate.loss(g, self._unit_goodness(units)).mean()

    def gain(self, units: int, images: int) -> float:
        """The factor that makes a gradient of the direction, `2 s / (n B)`."""
        derivative = 2 / units if self.reduction == "mean" else 2.0
        return self.gate.scale * derivative / images

    def weights(self, g: Tensor, units: int) -> Tensor:
        """The weight `[B, P]` of each pass: its gate times the gain."""
        return self.gate(g, self._unit_goodness(units)) * self.gain(units, len(g))

    def direction(self, block: Block, x: Tensor, a: Tensor, g: Tensor, state: None) -> LocalUpdate:
        """The gradient of the mean FF loss of the batch."""
        units = a[0].numel()
        return LocalUpdate((gated_outer(x, a, self.weights(g, units)),), state, self.metrics(g, units))

    def input_direction(self, block: Block, x: Tensor, a: Tensor, g: Tensor) -> Tensor:
        """The gradient of the mean FF loss of the batch by the normalised input."""
        return gated_input_direction(block, x, a, self.weights(g, a[0].numel()))

    def metrics(self, g: Tensor, units: int) -> dict[str, Tensor]:
        """Loss, discrimination accuracy and gate saturation."""
        return gate_metrics(self.gate, g, self._unit_goodness(units))

    def _unit_goodness(self, units: int) -> float:
        """Goodness of a layer whose units are all 1."""
        return 1.0 if self.reduction == "mean" else float(units)
