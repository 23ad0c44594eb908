"""Goodness against a fixed threshold."""

from dataclasses import dataclass

from torch import Tensor

from convff import functional as ff


@dataclass(frozen=True, kw_only=True)
class Threshold:
    """Right labels above `theta`, wrong ones below (Hinton 2022; HebbFF, equation 2).

    Args:
        theta: the threshold; None for the goodness of a layer whose units are all 1: the number of units for sum
            goodness, as in the FF papers, and 1 for mean goodness.
        scale: steepness s; 1 in the papers.

    Example:
        >>> import torch
        >>> Threshold(theta=2.0)(torch.tensor([[2.0, 2.0]]), unit_goodness=1.0)
        tensor([[ 0.5000, -0.5000]])
    """

    theta: float | None = None
    scale: float = 1.0

    def _theta(self, unit_goodness: float) -> float:
        return unit_goodness if self.theta is None else self.theta

    def __call__(self, g: Tensor, unit_goodness: float) -> Tensor:
        """Return the gate; see `convff.functional.threshold_gate`."""
        return ff.threshold_gate(g, theta=self._theta(unit_goodness), scale=self.scale)

    def loss(self, g: Tensor, unit_goodness: float) -> Tensor:
        """Return the loss; see `convff.functional.threshold_loss`."""
        return ff.threshold_loss(g, theta=self._theta(unit_goodness), scale=self.scale)

    def discriminates(self, g: Tensor, unit_goodness: float) -> Tensor:
        """Return 1 for each pass on the right side of theta, else 0: the paper's discrimination accuracy."""
        correct = g < self._theta(unit_goodness)
        correct[:, 0].logical_not_()
        return correct.float()
