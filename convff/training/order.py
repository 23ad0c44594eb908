"""The order in which blocks learn: all at once, or one after another. A new order is a row of the table."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from convff.network import LayerLocalNet
from convff.rules.base import Step
from convff.schedule import Schedule
from convff.training.blockwise import BlockwiseStep

TOGETHER = "together"
Order = Callable[[int], tuple[range, ...]]
"""Maps a number of blocks to the stretches of a training: which blocks learn in each, as a range of their indices."""


def together(blocks: int) -> tuple[range, ...]:
    """Return one stretch, in which all blocks learn.

    Example:
        >>> together(3)
        (range(0, 3),)
    """
    return (range(blocks),)


def one_by_one(blocks: int) -> tuple[range, ...]:
    """Return a stretch for each block: it learns on the outputs of finished blocks (greedy layer-wise training).

    Example:
        >>> one_by_one(3)
        (range(0, 1), range(1, 2), range(2, 3))

    Reference:
        Hinton, Osindero & Teh 2006, "A fast learning algorithm for deep belief nets"; for Forward-Forward, the public
        code `mohammadpz/pytorch_forward_forward`.
    """
    return tuple(range(block, block + 1) for block in range(blocks))


ORDERS: dict[str, Order] = {"together": together, "one_by_one": one_by_one}


@dataclass(frozen=True)
class Stretches:
    """The stretches of a training, each of the same number of epochs; epochs are counted over all of them.

    Args:
        learning: the blocks that learn in each stretch.
        epochs: epochs of each stretch.

    Example:
        >>> stretches = Stretches(one_by_one(3), epochs=4)
        >>> stretches.total, stretches.blocks(5), stretches.within(5), stretches.left(5)
        (12, range(1, 2), 1, 2)
    """

    learning: tuple[range, ...]
    epochs: int

    @property
    def total(self) -> int:
        """Epochs of all stretches."""
        return len(self.learning) * self.epochs

    def blocks(self, epoch: int) -> range:
        """Return the blocks that learn in an epoch."""
        return self.learning[self._number(epoch)]

    def within(self, epoch: int) -> int:
        """Return the number of an epoch within its stretch, from 0."""
        return epoch - self.epochs * self._number(epoch)

    def left(self, epoch: int) -> int:
        """Return how many epochs of its stretch follow an epoch."""
        return self.epochs - self.within(epoch) - 1

    def _number(self, epoch: int) -> int:
        """Return the number of the stretch; an epoch after the end of the training belongs to the last one."""
        return min(epoch // max(1, self.epochs), len(self.learning) - 1)


def stretches_of(order: str, rule: object, step: Step, net: LayerLocalNet, schedule: Schedule) -> Stretches:
    """Return the stretches of a training.

    Args:
        order: a name in `ORDERS`.
        rule: the rule, for messages.
        step: takes the steps.
        net: learns.
        schedule: of each stretch.

    Raises:
        ValueError: the order is unknown, or rule, network or schedule allow no other than "together".
    """
    if order not in ORDERS:
        raise ValueError(f"order must be one of {', '.join(ORDERS)}, got {order!r}")
    if order != TOGETHER:
        must = f"order must be {TOGETHER!r}, got {order!r}"
        if not isinstance(step, BlockwiseStep):
            raise ValueError(f"{type(rule).__name__} has no order of blocks: {must}")
        if net.repeats:
            raise ValueError(f"a network that visits a block repeatedly has no order of blocks: {must}")
        if schedule.stagger:
            raise ValueError(f"stagger must be 0 where blocks learn {order}, got {schedule.stagger}")
    return Stretches(ORDERS[order](len(net)), schedule.epochs)


def refuse_useless_cache(cache_gib: float, order: str, *, redraw: bool) -> None:
    """Raise for a cache of outputs that change, or of none.

    Raises:
        ValueError: the size is negative, draws change, or no block is ever finished before another one learns.

    Example:
        >>> refuse_useless_cache(1.0, "one_by_one", redraw=True)
        Traceback (most recent call last):
        ...
        ValueError: cache_gib needs redraw=False: new draws change the outputs of finished blocks
    """
    if not 0 <= cache_gib < math.inf:
        raise ValueError(f"cache_gib must be at least 0 and finite, got {cache_gib}")
    if cache_gib and redraw:
        raise ValueError("cache_gib needs redraw=False: new draws change the outputs of finished blocks")
    if cache_gib and order == TOGETHER:
        raise ValueError(f"cache_gib needs an order in which blocks are finished, got {order!r}")
