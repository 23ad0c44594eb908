"""Forward-Forward in a network that settles: learning at every iteration, from the current one alone (Hinton 2022)."""

from dataclasses import dataclass, field
from typing import ClassVar

from torch import Tensor

from convff.contrasts import LabelContrast
from convff.gates import Gate, Threshold
from convff.network import LayerLocalNet
from convff.recurrent.goodness import refuse_counted
from convff.recurrent.network import RecurrentNet
from convff.recurrent.settling import Updates
from convff.recurrent.states import settled_states
from convff.recurrent.step import RecurrentStep
from convff.rules.base import Setup
from convff.rules.reductions import REDUCTIONS, Reduction


@dataclass(frozen=True, kw_only=True)
class RecurrentForwardForward:
    """FF in a network with top-down connections: high goodness while it settles under the right label.

    At each iteration every layer takes the gradient of its own loss, with the states before the iteration as constants:
    `post = c s 1[z > 0]` times the normalised states that it saw, and times the damping. The directions of all
    iterations are averaged, and each layer takes one step per batch. No state is stored, whatever their number.

    Args:
        gate: how goodness becomes a weight.
        reduction: name in `REDUCTIONS`; "sum" of squares, or "minus_sum" as in the paper's experiments on CIFAR-10.
        iterations: number of iterations T; 8 in the paper on MNIST and 10 on CIFAR-10.
        counted: first and last iteration that count at inference, from 1; 3 to 5 in the paper on MNIST, 4 to 6 on
            CIFAR-10.
        learn_from: the first iteration that is learnt from, counted from 1.
        damping: share of the new activity in a state, in (0, 1]; 0.7 in the paper.
        updates: "synchronous", or "alternating" between even and odd layers.
        peer: strength of peer normalisation, at least 0; see `convff.stabilisers.PeerNormalisation`.
        momentum: of a unit's usual activity, for peer normalisation.

    Raises:
        ValueError: an unknown reduction, iterations that do not exist, or a number out of its range.

    Example:
        >>> import torch
        >>> RecurrentForwardForward().goodness(torch.tensor([[3.0, 4.0]]))
        tensor([25.])

    Reference:
        Hinton 2022, sections 3.4 and 4. Which iterations learn, how the image and the label are normalised and how
        weights start are not published: our reconstruction.
    """

    evaluations: ClassVar[tuple[str, ...]] = ("settled", "linear")
    contrast: ClassVar[type[LabelContrast]] = LabelContrast

    gate: Gate = field(default_factory=Threshold)
    reduction: str = "sum"
    iterations: int = 8
    counted: tuple[int, int] = (3, 5)
    learn_from: int = 1
    damping: float = 0.7
    updates: Updates = "synchronous"
    peer: float = 0.0
    momentum: float = 0.9

    def __post_init__(self) -> None:
        if self.reduction not in REDUCTIONS:
            raise ValueError(f"reduction must be one of {', '.join(REDUCTIONS)}, got {self.reduction!r}")
        if not 1 <= self.learn_from <= self.iterations:
            raise ValueError(f"learn_from must be an iteration from 1 to {self.iterations}, got {self.learn_from}")
        refuse_counted(self.counted, self.iterations)
        if not 0 < self.damping <= 1:
            raise ValueError(f"damping must be in (0, 1], got {self.damping}")
        if self.updates not in ("synchronous", "alternating"):
            raise ValueError(f"updates must be synchronous or alternating, got {self.updates!r}")
        if not (0 <= self.peer < float("inf") and 0 <= self.momentum < 1):
            raise ValueError(f"peer must be at least 0 and momentum in [0, 1), got {self.peer} and {self.momentum}")

    @property
    def reduced(self) -> Reduction:
        """How a state becomes goodness."""
        return REDUCTIONS[self.reduction]

    def goodness(self, a: Tensor) -> Tensor:
        """Return the goodness `[N]` of a layer's state `[N, n]`."""
        return self.reduced.goodness(a)

    def counted_states(self, net: RecurrentNet, images: Tensor, labels: Tensor) -> list[Tensor]:
        """Return the states that count at inference, for maps: of a few images, for all are kept.

        Args:
            net: the network.
            images: float `[B, C, H, W]`.
            labels: int64 `[B, P]`, the labels to try for each image.

        Returns:
            for each layer, with T the number of iterations that count, `[B * P, T, units, height, width]`, or
            `[B * P, T, n]` if units have no places.

        Example:
            >>> import torch
            >>> from convff.models import recurrent_local
            >>> net, rule = recurrent_local((1, 8, 8), classes=3, tile=4, field=3), RecurrentForwardForward()
            >>> [tuple(s.shape) for s in rule.counted_states(net, torch.rand(2, 1, 8, 8), torch.tensor([[0], [2]]))]
            [(2, 3, 3, 8, 8), (2, 3, 3, 8, 8)]
        """
        first, last = self.counted
        states = settled_states(net, images, labels, iterations=last, damping=self.damping, updates=self.updates)
        counted = [each[:, first : last + 1] for each in states]
        return counted if net.order is None else [net.as_maps(each) for each in counted]

    def check(self, net: LayerLocalNet, num_classes: int) -> None:
        """Raise unless a network settles, and has a unit for each class.

        Raises:
            ValueError: it does not.
        """
        if not isinstance(net, RecurrentNet):
            raise ValueError("this rule trains networks that settle, e.g. of `convff.models.recurrent_mlp`")
        if net.classes != num_classes:
            raise ValueError(f"the network has units for {net.classes} classes, but there are {num_classes}")

    def start(self, setup: Setup) -> RecurrentStep:
        """Make the step of this rule on a network; for errors see `RecurrentStep`."""
        return RecurrentStep(self, setup)
