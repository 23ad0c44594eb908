"""Skips without parameters: each block sees the concatenated activity of the last two blocks."""

import torch
from torch import Tensor

from convff.network import Block, Entered, LayerLocalNet, Visit


class ConcatSkipNet(LayerLocalNet):
    """Convolutions that pass up their activity, followed by the activity of the block below.

    Block l + 1 sees `[a_l, a_(l-1)]`, both pooled as block l pools, then the label channels if there are any. Goodness
    and readout see `a_l` alone. The skips carry activity upwards and nothing downwards, so every block still learns on
    its own.

    The image does not count as `a_0`: the second block only sees the activity of the first. So only one block sees the
    image and the label mixed into it, as without skips; and the first block can be computed for all labels at once,
    without any labelled input (`convff.inference.shared_first_block`).

    The convolutions must keep the size of the maps and have inputs for both activities: see `handed_up`.

    Example:
        >>> from convff.models import cnn6
        >>> net = cnn6((3, 8, 8), widths=(4, 5, 6), pool_after=(1,), skip=True)
        >>> [block.layer.in_channels for block in net], [tuple(a.shape[1:]) for a in net(torch.rand(2, 3, 8, 8))]
        ([3, 4, 9], [(4, 8, 8), (5, 4, 4), (6, 4, 4)])

    Reference:
        Sun et al., "DeeperForward: Enhanced Forward-Forward Training for Deeper and Better Performance" (ICLR 2025),
        for residuals by concatenation, without parameters, in a Forward-Forward network. The wiring here is ours.
    """

    def route(self, x: Tensor | Entered, visit: Visit, stop: int | None = None) -> None:
        """Visit the blocks in order; see `LayerLocalNet.route`."""

        def visit_and_skip(index: int, block: Block, h: Tensor) -> Tensor:
            a = visit(index, block, h)
            if index in (0, len(self) - 1):  # nothing is below the first, and nothing above the last
                return a
            below = h[:, : len(self.blocks[index - 1].layer.weight)]  # type: ignore[union-attr, arg-type]
            return torch.cat([a, below], dim=1)

        super().route(x, visit_and_skip, stop)


def handed_up(widths: tuple[int, ...]) -> tuple[int, ...]:
    """Return the number of channels that each block passes up: its own, and those of the block below.

    Args:
        widths: filters of each block.

    Example:
        >>> handed_up((4, 5, 6))
        (4, 9, 11)
    """
    return tuple(own + below for own, below in zip(widths, (0, *widths), strict=False))
