"""Forward-Forward, `dW -> 2 s / (n B) sum_n c_n a_n (x) x_n` (Hinton 2022; Scodellaro et al. 2025 for convolutions)."""

from dataclasses import dataclass, field
from typing import ClassVar

from torch import Tensor

from convff.gates import Gate, Symmetric
from convff.network import Block
from convff.places import AtImage, AtOutput, Place
from convff.rules.base import Gating, LocalUpdate, Seen
from convff.rules.gated import gated_input_direction, gated_update, gating
from convff.rules.placed import Placed


@dataclass(frozen=True, kw_only=True)
class ForwardForward(Placed):
    """Gradient descent on a layer's own FF loss, in closed form.

    With ReLU, `d g / d W` is `2/n a x^T` for mean goodness (`2 a x^T` for the sum), so the negative gradient of the
    batch's mean loss is the gated Hebbian outer product times `2 s / (n B)`: no graph is built. The tests check it
    against autograd, for every gate and every place of the label, dense and convolutional.

    Args:
        gate: how goodness becomes a weight; see `convff.gates`.
        reduction: goodness is the "mean" or the "sum" of squares, or with "activity" the mean of the activity itself,
            whose derivative is the same for all active units (DeeperForward).
        label_at: where the label meets the activity; see `convff.places`.

    Raises:
        ValueError: goodness of the activity, with a place that is built on squares.

    Example:
        >>> import torch
        >>> ForwardForward().goodness(torch.tensor([[3.0, 4.0]]))
        tensor([12.5000])
    """

    batch_reduction: ClassVar[str] = "mean"

    gate: Gate = field(default_factory=Symmetric)
    reduction: str = "mean"
    label_at: Place = field(default_factory=AtImage)

    def __post_init__(self) -> None:
        if self.reduction == "activity" and not isinstance(self.label_at, AtImage | AtOutput):
            raise ValueError(f"{type(self.label_at).__name__} is built on squares: goodness must be their mean or sum")

    def scores(self, seen: Seen) -> Tensor:
        """Return the goodness of every class by one pass per image, `[B, K]`, if the place of the label gives it."""
        return self.label_at.scores(seen, self.goodness, self.reduction)

    def init(self, block: Block) -> None:
        """Return None: FF keeps no state."""

    def goodness(self, a: Tensor) -> Tensor:
        """Return the goodness `[N]` of activity `[N, ...]`, or `[N, K]` with the label at the output."""
        return self.label_at.goodness(a, self.reduction)

    def contribution(self, a: Tensor) -> Tensor:
        """Return what each unit adds to its goodness, in the shape of `a`."""
        whole = a if self.reduction == "activity" else a.square()
        return whole if self.reduction == "sum" else whole / self.label_at.units(a)

    def loss(self, seen: Seen) -> Tensor:
        """Return the mean FF loss of the batch, whose gradient is the direction."""
        g = self.label_at.tries(seen, self.goodness, self.reduction)
        return self.gate.loss(g, self._unit_goodness(self.label_at.units(seen.a))).mean()

    def gain(self, units: int, images: int) -> float:
        """Return the factor that makes the direction a gradient: `2 s / (n B)`, or `s / (n B)` for mean activity."""
        derivative = {"mean": 2 / units, "sum": 2.0, "activity": 1 / units}[self.reduction]
        return self.gate.scale * derivative / images

    def gating(self, seen: Seen) -> Gating:
        """Return the gate of each try, times the gain."""
        units, g = self.label_at.units(seen.a), self.label_at.tries(seen, self.goodness, self.reduction)
        return gating(
            seen, g, self.gate, self.label_at, unit_goodness=self._unit_goodness(units), gain=self.gain(units, len(g))
        )

    def direction(self, seen: Seen, state: None) -> LocalUpdate:
        """Return the gradient of the mean FF loss of the batch."""
        return gated_update(self._sloped(seen), self.gating(seen), self.label_at, state)

    def input_direction(self, seen: Seen) -> Tensor:
        """Return the gradient of the mean FF loss of the batch by the normalised input."""
        return gated_input_direction(self._sloped(seen), self.gating(seen), self.label_at)

    def _sloped(self, seen: Seen) -> Seen:
        """Replace the activity by the slope of goodness: for mean activity, 1 where a unit is active."""
        return seen if self.reduction != "activity" else seen._replace(a=(seen.a > 0).to(seen.a.dtype))

    def _unit_goodness(self, units: int) -> float:
        """Return the goodness of units that are all 1."""
        return float(units) if self.reduction == "sum" else 1.0
