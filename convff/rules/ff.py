"""Forward-Forward (Hinton 2022; Scodellaro et al. 2025 for convolutions)."""

from dataclasses import dataclass, field
from typing import ClassVar

from torch import Tensor

from convff.gates import Gate, Symmetric
from convff.network import Block
from convff.places import AtImage, Place
from convff.rules.base import Gating, LocalUpdate, Seen
from convff.rules.gated import gated_input_direction, gated_update, gating
from convff.rules.placed import Placed


@dataclass(frozen=True, kw_only=True)
class ForwardForward(Placed):
    """Gradient descent on a layer's own FF loss, in closed form.

    With ReLU, `d g / d W` is `2/n a x^T` for mean goodness (`2 a x^T` for the sum), so the gradient of the batch's
    mean loss is the gated Hebbian outer product times `2 s / (n B)`: no graph is built. The tests hold it
    against autograd, for every gate and every place of the label, dense and convolutional.

    Args:
        gate: how goodness becomes a weight; see `convff.gates`.
        reduction: goodness is the "mean" or the "sum" of squares.
        label_at: where the label meets the activity; see `convff.places`.
    """

    batch_reduction: ClassVar[str] = "mean"

    gate: Gate = field(default_factory=Symmetric)
    reduction: str = "mean"
    label_at: Place = field(default_factory=AtImage)

    def scores(self, seen: Seen) -> Tensor:
        """Goodness of every class by one pass per image, `[B, K]`, where the place of the label gives it."""
        return self.label_at.scores(seen, self.goodness, self.reduction)

    def init(self, block: Block) -> None:
        """FF keeps no state."""

    def goodness(self, a: Tensor) -> Tensor:
        """Goodness `[N]` of activity `[N, ...]`, or `[N, K]` with the label at the output."""
        return self.label_at.goodness(a, self.reduction)

    def contribution(self, a: Tensor) -> Tensor:
        """Return what each unit adds to its goodness, in the shape of `a`."""
        return a.square() / self.label_at.units(a) if self.reduction == "mean" else a.square()

    def loss(self, seen: Seen) -> Tensor:
        """The mean FF loss of the batch, whose gradient the direction is."""
        g = self.label_at.tries(seen, self.goodness, self.reduction)
        return self.gate.loss(g, self._unit_goodness(self.label_at.units(seen.a))).mean()

    def gain(self, units: int, images: int) -> float:
        """The factor that makes a gradient of the direction, `2 s / (n B)`."""
        derivative = 2 / units if self.reduction == "mean" else 2.0
        return self.gate.scale * derivative / images

    def gating(self, seen: Seen) -> Gating:
        """The gate of each try, times the gain."""
        units = self.label_at.units(seen.a)
        return gating(
            seen,
            self.label_at.tries(seen, self.goodness, self.reduction),
            self.gate,
            self.label_at,
            unit_goodness=self._unit_goodness(units),
            gain=self.gain(units, len(seen.layout.targets)),
        )

    def direction(self, seen: Seen, state: None) -> LocalUpdate:
        """The gradient of the mean FF loss of the batch."""
        return gated_update(seen, self.gating(seen), self.label_at, state)

    def input_direction(self, seen: Seen) -> Tensor:
        """The gradient of the mean FF loss of the batch by the normalised input."""
        return gated_input_direction(seen, self.gating(seen), self.label_at)

    def _unit_goodness(self, units: int) -> float:
        """Goodness of units that are all 1."""
        return 1.0 if self.reduction == "mean" else float(units)
