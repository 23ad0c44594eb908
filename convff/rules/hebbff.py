"""Hebbian Forward-Forward (Krutsylo), for dense layers as published and for convolutions."""

from dataclasses import dataclass, field
from typing import ClassVar

from torch import Tensor

from convff.functional import mean_contribution, mean_goodness
from convff.gates import Gate, Threshold
from convff.network import Block
from convff.rules.base import LocalUpdate
from convff.rules.gated import gate_metrics, gated_input_direction, gated_outer


@dataclass(frozen=True, kw_only=True)
class HebbianForwardForward:
    """The gated Hebbian update: `dW = sum_right c a x^T - sum_wrong c a x^T` (equations 1 to 4).

    Nothing is differentiated. A convolution is taken as one dense layer a position with shared weights, so the sum
    runs over the positions too. Our step from dense to convolutional layers: nobody has published one.

    Args:
        gate: how goodness becomes the weight of a pass; `Threshold(scale=1)` is equation 2.
    """

    batch_reduction: ClassVar[str] = "sum"
    evaluations: ClassVar[tuple[str, ...]] = ("goodness", "linear")

    gate: Gate = field(default_factory=lambda: Threshold(theta=1.0))

    def init(self, block: Block) -> None:
        """HebbFF keeps no state."""

    def goodness(self, a: Tensor) -> Tensor:
        """Mean goodness `[N]` of activity `[N, ...]` (equation 1)."""
        return mean_goodness(a)

    def contribution(self, a: Tensor) -> Tensor:
        """Return what each unit adds to the goodness, in the shape of `a`."""
        return mean_contribution(a)

    def loss(self, g: Tensor, units: int) -> Tensor:
        """The loss whose gradient the direction is: with ReLU, `n / 2s` times the sum of the FF losses (ours)."""
        return self.gate.loss(g, 1.0).sum() * (units / (2 * self.gate.scale))

    def gain(self, units: int, images: int) -> float:
        """1: the gate is the weight."""
        return 1.0

    def weights(self, g: Tensor, units: int) -> Tensor:
        """The weight `[B, P]` of each pass: its gate (equation 2)."""
        return self.gate(g, unit_goodness=1.0)

    def direction(self, block: Block, x: Tensor, a: Tensor, g: Tensor, state: None) -> LocalUpdate:
        """Equations 3 and 4, without the learning rate and with the sign that an optimiser subtracts."""
        units = a[0].numel()
        return LocalUpdate((gated_outer(x, a, self.weights(g, units)),), state, self.metrics(g, units))

    def input_direction(self, block: Block, x: Tensor, a: Tensor, g: Tensor) -> Tensor:
        """The same for the normalised input: `W^T` of the gated activity, with the sign that an optimiser subtracts."""
        return gated_input_direction(block, x, a, self.weights(g, a[0].numel()))

    def metrics(self, g: Tensor, units: int) -> dict[str, Tensor]:
        """Loss, discrimination accuracy and gate saturation."""
        return gate_metrics(self.gate, g, unit_goodness=1.0)
