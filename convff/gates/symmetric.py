"""The right label against each wrong one."""

from dataclasses import dataclass

from torch import Tensor

from convff import functional as ff
from convff.gates.base import right_over_wrong


@dataclass(frozen=True, kw_only=True)
class Symmetric:
    """Right against wrong label of the same image (SymBa; the Trifecta takes s = 4)."""

    scale: float = 4.0

    def __call__(self, g: Tensor, unit_goodness: float) -> Tensor:
        """See `convff.functional.symmetric_gate`."""
        return ff.symmetric_gate(g, scale=self.scale)

    def loss(self, g: Tensor, unit_goodness: float) -> Tensor:
        """See `convff.functional.symmetric_loss`."""
        return ff.symmetric_loss(g, scale=self.scale)

    def discriminates(self, g: Tensor, unit_goodness: float) -> Tensor:
        """The right label has more goodness than the wrong one, for each wrong one."""
        return right_over_wrong(g)
