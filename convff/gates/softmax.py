"""The right label against all wrong ones together."""

from dataclasses import dataclass

from torch import Tensor

from convff import functional as ff
from convff.gates.base import right_over_wrong


@dataclass(frozen=True, kw_only=True)
class Softmax:
    """Cross-entropy over the tries of an image; with several wrong labels the hardest weigh most.

    Args:
        scale: inverse temperature s.

    Example:
        >>> import torch
        >>> Softmax(scale=1.0)(torch.tensor([[2.0, 2.0]]), unit_goodness=1.0)
        tensor([[ 0.5000, -0.5000]])
    """

    scale: float = 4.0

    def __call__(self, g: Tensor, unit_goodness: float) -> Tensor:
        """Return the gate; see `convff.functional.softmax_gate`."""
        return ff.softmax_gate(g, scale=self.scale)

    def loss(self, g: Tensor, unit_goodness: float) -> Tensor:
        """Return the loss; see `convff.functional.softmax_loss`."""
        return ff.softmax_loss(g, scale=self.scale)

    def discriminates(self, g: Tensor, unit_goodness: float) -> Tensor:
        """Return 1 for each wrong label with less goodness than the right one, else 0."""
        return right_over_wrong(g)
