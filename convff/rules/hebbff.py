"""Hebbian Forward-Forward (Krutsylo), `dW -> sum_n c_n a_n (x) x_n`: dense as published, and convolutional."""

from dataclasses import dataclass, field
from typing import ClassVar

from torch import Tensor

from convff.gates import Gate, Threshold
from convff.network import Block
from convff.places import AtImage, Place
from convff.rules.base import Gating, LocalUpdate, Seen
from convff.rules.gated import gated_input_direction, gated_update, gating
from convff.rules.placed import Placed


@dataclass(frozen=True, kw_only=True)
class HebbianForwardForward(Placed):
    """The gated Hebbian update: `dW = sum_right c a x^T - sum_wrong c a x^T` (equations 1 to 4).

    Nothing is differentiated. A convolution is one dense layer per position, with shared weights, so the sum also runs
    over the positions. The step from dense to convolutional layers is ours: none is published.

    Args:
        gate: how goodness becomes a weight; `Threshold(scale=1)` is equation 2.
        label_at: where the label meets the activity; see `convff.places`.

    Example:
        >>> import torch
        >>> HebbianForwardForward().goodness(torch.tensor([[3.0, 4.0]]))
        tensor([12.5000])
    """

    batch_reduction: ClassVar[str] = "sum"

    gate: Gate = field(default_factory=lambda: Threshold(theta=1.0))
    label_at: Place = field(default_factory=AtImage)

    def scores(self, seen: Seen) -> Tensor:
        """Return the goodness of every class by one pass per image, `[B, K]`, if the place of the label gives it."""
        return self.label_at.scores(seen, self.goodness, "mean")

    def init(self, block: Block) -> None:
        """Return None: HebbFF keeps no state."""

    def goodness(self, a: Tensor) -> Tensor:
        """Return mean goodness `[N]` of activity `[N, ...]` (equation 1), or `[N, K]` with the label at the output."""
        return self.label_at.goodness(a, "mean")

    def contribution(self, a: Tensor) -> Tensor:
        """Return what each unit adds to its goodness, in the shape of `a`."""
        return a.square() / self.label_at.units(a)

    def loss(self, seen: Seen) -> Tensor:
        """Return the loss whose gradient is the direction: with ReLU, `n / 2s` times the sum of FF losses (ours)."""
        g = self.label_at.tries(seen, self.goodness, "mean")
        return self.gate.loss(g, 1.0).sum() * (self.label_at.units(seen.a) / (2 * self.gate.scale))

    def gain(self, units: int, images: int) -> float:
        """Return 1: the gate is the weight."""
        return 1.0

    def gating(self, seen: Seen) -> Gating:
        """Return the gate of each try (equation 2)."""
        g = self.label_at.tries(seen, self.goodness, "mean")
        return gating(seen, g, self.gate, self.label_at, unit_goodness=1.0, gain=1.0)

    def direction(self, seen: Seen, state: None) -> LocalUpdate:
        """Return equations 3 and 4 without the learning rate, with the sign that an optimiser subtracts."""
        return gated_update(seen, self.gating(seen), self.label_at, state)

    def input_direction(self, seen: Seen) -> Tensor:
        """Return `W^T` of the gated activity for the normalised input, with the sign that an optimiser subtracts."""
        return gated_input_direction(seen, self.gating(seen), self.label_at)
