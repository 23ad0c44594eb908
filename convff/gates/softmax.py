"""The right label against all wrong ones together."""

from dataclasses import dataclass

from torch import Tensor

from convff import functional as ff
from convff.gates.base import right_over_wrong


@dataclass(frozen=True, kw_only=True)
class Softmax:
    """Cross-entropy over the passes of an image; with several wrong labels the hardest weigh most."""

    scale: float = 4.0

    def __call__(self, g: Tensor, unit_goodness: float) -> Tensor:
        """See `convff.functional.softmax_gate`."""
        return ff.softmax_gate(g, scale=self.scale)

    def loss(self, g: Tensor, unit_goodness: float) -> Tensor:
        """See `convff.functional.softmax_loss`."""
        return ff.softmax_loss(g, scale=self.scale)

    def discriminates(self, g: Tensor, unit_goodness: float) -> Tensor:
        """The right label has more goodness than the wrong one, for each wrong one."""
        return right_over_wrong(g)
