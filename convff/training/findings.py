"""A sign of a wrong setting in a training."""

from dataclasses import dataclass
from typing import Literal

Fault = Literal["dead layer", "saturated gates", "growing weights"]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A fault of a block, and what may fix it.

    Args:
        fault: what is wrong.
        block: where, counted from 1.
        epoch: when, counted from 1.
        figure: how it shows, in words with the number.
        remedy: what to try; parameters are named as in the library and on the command line.

    Example:
        >>> print(Finding(fault="dead layer", block=3, epoch=2, figure="no activity", remedy="a smaller lr"))
        dead layer in block 3, epoch 2: no activity; try a smaller lr
    """

    fault: Fault
    block: int
    epoch: int
    figure: str
    remedy: str

    def __str__(self) -> str:
        """Return the finding as one sentence."""
        return f"{self.fault} in block {self.block}, epoch {self.epoch}: {self.figure}; try {self.remedy}"
