"""The right label against each wrong one."""

from dataclasses import dataclass

from torch import Tensor

from convff import functional as ff
from convff.gates.base import right_over_wrong


@dataclass(frozen=True, kw_only=True)
class Symmetric:
    """Right against wrong label of the same image (SymBa; the Trifecta uses s = 4).

    Args:
        scale: steepness s.

    Example:
        >>> import torch
        >>> Symmetric()(torch.tensor([[2.0, 2.0]]), unit_goodness=1.0)
        tensor([[ 0.5000, -0.5000]])
    """

    scale: float = 4.0

    def __call__(self, g: Tensor, unit_goodness: float) -> Tensor:
        """Return the gate; see `convff.functional.symmetric_gate`."""
        return ff.symmetric_gate(g, scale=self.scale)

    def loss(self, g: Tensor, unit_goodness: float) -> Tensor:
        """Return the loss; see `convff.functional.symmetric_loss`."""
        return ff.symmetric_loss(g, scale=self.scale)

    def discriminates(self, g: Tensor, unit_goodness: float) -> Tensor:
        """Return 1 for each wrong label with less goodness than the right one, else 0."""
        return right_over_wrong(g)
