"""Forward-Forward, `dW -> 2 s / (n B) sum_n c_n a_n (x) x_n` (Hinton 2022; Scodellaro et al. 2025 for convolutions)."""

from dataclasses import dataclass, field
from typing import ClassVar

from torch import Tensor

from convff.gates import Gate, Symmetric
from convff.network import Block
from convff.places import AtImage, AtOutput, InGroups, Place
from convff.rules.base import Gating, LocalUpdate, Seen
from convff.rules.gated import gated_input_direction, gated_update, gating
from convff.rules.placed import Placed
from convff.rules.reductions import REDUCTIONS, Reduction


@dataclass(frozen=True, kw_only=True)
class ForwardForward(Placed):
    """Gradient descent on a layer's own FF loss, in closed form.

    With ReLU, `d g / d W` is `2/n a x^T` for mean goodness (`2 a x^T` for the sum), so the negative gradient of the
    batch's mean loss is the gated Hebbian outer product times `2 s / (n B)`: no graph is built. The tests check it
    against autograd, for every gate and every place of the label, dense and convolutional.

    Args:
        gate: how goodness becomes a weight; see `convff.gates`.
        reduction: name in `REDUCTIONS`: goodness is the "mean" or the "sum" of squares, or with "activity" the mean of
            the activity itself, whose derivative is the same for all active units (DeeperForward); with "minus_mean",
            "minus_sum" or "minus_activity" right labels make a layer less active (Hinton 2022, section 9).
        label_at: where the label meets the activity; see `convff.places`.

    Raises:
        ValueError: an unknown reduction; or one of the activity or with a minus, with a place that is built on squares.

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
        if self.reduction not in REDUCTIONS:
            raise ValueError(f"reduction must be one of {', '.join(REDUCTIONS)}, got {self.reduction!r}")
        built_on_squares = not isinstance(self.label_at, AtImage | AtOutput) or isinstance(self.label_at, InGroups)
        if self.reduction not in ("mean", "sum") and built_on_squares:
            raise ValueError(f"{type(self.label_at).__name__} is built on squares: goodness must be their mean or sum")

    @property
    def _reduction(self) -> Reduction:
        return REDUCTIONS[self.reduction]

    def scores(self, seen: Seen) -> Tensor:
        """Return the goodness of every class by one pass per image, `[B, K]`, if the place of the label gives it."""
        return self.label_at.scores(seen, self.goodness, self.reduction)

    def init(self, block: Block) -> None:
        """Return None: FF keeps no state."""

    def goodness(self, a: Tensor) -> Tensor:
        """Return the goodness `[N]` of activity `[N, ...]`, or `[N, K]` with the label at the output."""
        return self._reduction.signed(self.label_at.goodness(a, self._reduction.of))

    def contribution(self, a: Tensor) -> Tensor:
        """Return what each unit adds to its goodness, in the shape of `a`."""
        return self._reduction.contribution(a, self.label_at.units(a))

    def loss(self, seen: Seen) -> Tensor:
        """Return the mean FF loss of the batch, whose gradient is the direction."""
        g = self.label_at.tries(seen, self.goodness, self.reduction)
        return self.gate.loss(g, self._reduction.of_ones(self.label_at.units(seen.a))).mean()

    def gain(self, units: int, images: int) -> float:
        """Return the factor that makes the direction a gradient, e.g. `2 s / (n B)` for the mean of squares."""
        return self.gate.scale * self._reduction.gain(units) / images

    def gating(self, seen: Seen) -> Gating:
        """Return the gate of each try, times the gain."""
        units, g = self.label_at.units(seen.a), self.label_at.tries(seen, self.goodness, self.reduction)
        return gating(
            seen,
            g,
            self.gate,
            self.label_at,
            unit_goodness=self._reduction.of_ones(units),
            gain=self.gain(units, len(g)),
        )

    def direction(self, seen: Seen, state: None) -> LocalUpdate:
        """Return the gradient of the mean FF loss of the batch."""
        return gated_update(self._sloped(seen), self.gating(seen), self.label_at, state)

    def input_direction(self, seen: Seen) -> Tensor:
        """Return the gradient of the mean FF loss of the batch by the normalised input."""
        return gated_input_direction(self._sloped(seen), self.gating(seen), self.label_at)

    def _sloped(self, seen: Seen) -> Seen:
        """Replace the activity by the slope of goodness."""
        return seen._replace(a=self._reduction.slope(seen.a))
