"""Gates as values: each knows its equation, the loss it belongs to, and what its layer calls right.

A gate is a frozen dataclass, so that it can be printed, compared and written into a run's settings.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from convff import functional as ff


class Gate(Protocol):
    """From goodness `[B, P]` (pass 0 with the right label) to one signed number a pass."""

    @property
    def scale(self) -> float:
        """Steepness s."""
        ...

    def __call__(self, g: Tensor, unit_goodness: float) -> Tensor:
        """The gate `[B, P]`; `unit_goodness` is that of a layer of ones: N for sum goodness, 1 for the mean."""
        ...

    def loss(self, g: Tensor, unit_goodness: float) -> Tensor:
        """The loss `[B]` whose negative derivative by `g` is `scale` times the gate."""
        ...

    def discriminates(self, g: Tensor, unit_goodness: float) -> Tensor:
        """For each decision that the layer takes, 1 if it took it rightly: float `[B, decisions]`."""
        ...


@dataclass(frozen=True, kw_only=True)
class Threshold:
    """Right labels above `theta`, wrong ones below (Hinton 2022; HebbFF, equation 2).

    Args:
        theta: the threshold; None for the goodness of a layer whose units are all 1: the number of units N for sum
            goodness, as the FF papers have it, and 1 for mean goodness.
        scale: steepness s; 1 in the papers.
    """

    theta: float | None = None
    scale: float = 1.0

    def _theta(self, unit_goodness: float) -> float:
        return unit_goodness if self.theta is None else self.theta

    def __call__(self, g: Tensor, unit_goodness: float) -> Tensor:
        """See `convff.functional.threshold_gate`."""
        return ff.threshold_gate(g, theta=self._theta(unit_goodness), scale=self.scale)

    def loss(self, g: Tensor, unit_goodness: float) -> Tensor:
        """See `convff.functional.threshold_loss`."""
        return ff.threshold_loss(g, theta=self._theta(unit_goodness), scale=self.scale)

    def discriminates(self, g: Tensor, unit_goodness: float) -> Tensor:
        """Each pass on the right side of theta: the paper's discrimination accuracy."""
        correct = g < self._theta(unit_goodness)
        correct[:, 0].logical_not_()
        return correct.float()


class _Paired:
    """What the gates without a threshold share: a decision is a pair of a right and a wrong label."""

    def discriminates(self, g: Tensor, unit_goodness: float) -> Tensor:
        """The right label has more goodness than the wrong one, for each wrong one."""
        return (g[:, :1] > g[:, 1:]).float()


@dataclass(frozen=True, kw_only=True)
class Symmetric(_Paired):
    """Right against wrong label of the same image (SymBa; the Trifecta takes s = 4)."""

    scale: float = 4.0

    def __call__(self, g: Tensor, unit_goodness: float) -> Tensor:
        """See `convff.functional.symmetric_gate`."""
        return ff.symmetric_gate(g, scale=self.scale)

    def loss(self, g: Tensor, unit_goodness: float) -> Tensor:
        """See `convff.functional.symmetric_loss`."""
        return ff.symmetric_loss(g, scale=self.scale)


@dataclass(frozen=True, kw_only=True)
class Softmax(_Paired):
    """Cross-entropy over the passes of an image; with several wrong labels the hardest weigh most."""

    scale: float = 4.0

    def __call__(self, g: Tensor, unit_goodness: float) -> Tensor:
        """See `convff.functional.softmax_gate`."""
        return ff.softmax_gate(g, scale=self.scale)

    def loss(self, g: Tensor, unit_goodness: float) -> Tensor:
        """See `convff.functional.softmax_loss`."""
        return ff.softmax_loss(g, scale=self.scale)


GATES: dict[str, Callable[..., Gate]] = {"threshold": Threshold, "symmetric": Symmetric, "softmax": Softmax}
