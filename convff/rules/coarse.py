"""Coarse labels in lower blocks: the first blocks learn superclasses, the blocks above learn classes."""

from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from convff.data import check_superclasses
from convff.network import Block, LayerLocalNet
from convff.rules.base import ConstrainingRule, Gating, LocalUpdate, Seen
from convff.rules.wrapped import Wrapped


@dataclass(frozen=True, kw_only=True)
class Coarse(Wrapped):
    """A rule whose first `blocks` blocks learn the superclass of each image instead of its class.

    Each block still learns on its own; only its targets differ. Blocks that know superclasses alone do not count in
    inference by goodness (`first_scored`): they cannot tell the classes of one superclass apart, and without them every
    score remains a sum over the same K goodnesses, so that its maps stay exact. Their `scores` give every class the
    score of its superclass; alone, such a block is right at most as often as its best guess within a superclass.

    Args:
        rule: the rule of the other blocks, for K classes.
        lower: the same rule for S superclasses.
        superclasses: superclass of each class, indices 0 to S - 1.
        blocks: number of blocks that learn superclasses.

    Raises:
        ValueError: no block, fewer than 2 superclasses, or not an index for each class.

    Example:
        >>> from convff import AtOutput, ForwardForward, cnn6
        >>> rule = Coarse(
        ...     rule=ForwardForward(label_at=AtOutput(4)),
        ...     lower=ForwardForward(label_at=AtOutput(2)),
        ...     superclasses=(0, 0, 1, 1),
        ...     blocks=1,
        ... )
        >>> rule.check(cnn6((1, 8, 8), widths=(6, 8), pool_after=()), num_classes=4)

    Reference:
        HCL-FF (CVPR 2026) learns coarse classes in lower layers and fine ones above. One fixed boundary, and
        superclasses that are given, are ours.
    """

    rule: Any
    lower: Any
    superclasses: tuple[int, ...]
    blocks: int = 1
    _of_class: Tensor = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        number = check_superclasses(self.superclasses, len(self.superclasses))
        if self.blocks < 1 or number < 2:
            raise ValueError(f"coarse labels need at least 1 block and 2 superclasses, got {self.blocks} and {number}")
        object.__setattr__(self, "_of_class", torch.tensor(self.superclasses))

    @property
    def first_scored(self) -> int:
        """Index of the first block whose scores tell all classes apart."""
        return self.blocks

    @property
    def needs_whole_batch(self) -> bool:
        """See `LocalRule`."""
        return any(getattr(rule, "needs_whole_batch", False) for rule in (self.rule, self.lower))

    @property
    def loss(self) -> Callable[[Seen], Tensor]:
        """The loss whose gradient the direction is; missing if the rules have none."""
        if not hasattr(self.rule, "loss"):
            raise AttributeError(f"{type(self.rule).__name__} has no loss")
        return self._loss

    def fitting(self, width: int, block: int | None = None) -> int:
        """Return the nearest width that fits a block by its index; one that fits every block if it is None.

        Example:
            >>> from convff import AtOutput, ForwardForward
            >>> fine, coarse = (ForwardForward(label_at=AtOutput(classes)) for classes in (6, 4))
            >>> rule = Coarse(rule=fine, lower=coarse, superclasses=(0, 1, 2, 3, 0, 1))
            >>> rule.fitting(27, block=0), rule.fitting(27, block=1), rule.fitting(27)
            (28, 30, 24)
        """
        rules = (self.rule, self.lower) if block is None else (self.lower if block < self.blocks else self.rule,)
        fits = [rule.fitting for rule in rules if hasattr(rule, "fitting")]
        period = len(self.superclasses) * len(set(self.superclasses))  # within it there is a multiple of both numbers
        nearby = (each for distance in range(period + 1) for each in (width + distance, width - distance))
        return next(each for each in nearby if each > 0 and all(fit(each) == each for fit in fits))

    def check(self, net: LayerLocalNet, num_classes: int) -> None:
        """Raise unless there are superclasses of `num_classes` classes, a block above, and both rules fit their blocks.

        Raises:
            ValueError: something does not fit.
        """
        if num_classes != len(self.superclasses):
            raise ValueError(f"there are superclasses of {len(self.superclasses)} classes, got {num_classes}")
        if self.blocks >= len(net):
            raise ValueError(
                f"coarse labels must leave a block that learns the classes, got {self.blocks} of {len(net)} blocks"
            )
        for rule, part, classes in (
            (self.lower, slice(None, self.blocks), int(self._of_class.max()) + 1),
            (self.rule, slice(self.blocks, None), num_classes),
        ):
            if hasattr(rule, "check"):
                rule.check(_part(net, part), classes)

    def init(self, block: Block) -> Any:
        """Return the state of the block's rule."""
        return self._rule_of(block).init(block)

    def beside(self, block: Block, generator: torch.Generator) -> nn.Module | None:
        """Make the module that the block's rule trains beside it; None if there is none."""
        rule = self._rule_of(block)
        return rule.beside(block, generator) if hasattr(rule, "beside") else None

    def direction(self, seen: Seen, state: Any) -> LocalUpdate:
        """Return the direction of the block's rule."""
        update: LocalUpdate = self._rule_of(seen.block).direction(self._targeted(seen), state)
        return update

    def input_direction(self, seen: Seen) -> Tensor:
        """Return the direction of the block's rule for the normalised input."""
        direction: Tensor = self._rule_of(seen.block).input_direction(self._targeted(seen))
        return direction

    def gating(self, seen: Seen) -> Gating:
        """Return the gates of the block's rule."""
        found: Gating = self._rule_of(seen.block).gating(self._targeted(seen))
        return found

    def scores(self, seen: Seen) -> Tensor:
        """Return scores of all classes, `[N, K]`; below, those of their superclasses."""
        found: Tensor = self._rule_of(seen.block).scores(self._targeted(seen))
        return found[:, self._of_class.to(found.device)] if self._is_coarse(seen.block) else found

    def constrain(self, block: Block, state: Any) -> None:
        """Let the block's rule constrain its parameters."""
        rule = self._rule_of(block)
        if isinstance(rule, ConstrainingRule):
            rule.constrain(block, state)

    def _loss(self, seen: Seen) -> Tensor:
        loss: Tensor = self._rule_of(seen.block).loss(self._targeted(seen))
        return loss

    def _is_coarse(self, block: Block) -> bool:
        return block.index < self.blocks

    def _rule_of(self, block: Block) -> Any:
        return self.lower if self._is_coarse(block) else self.rule

    def _targeted(self, seen: Seen) -> Seen:
        """Return what the block's rule sees: the superclass of each image instead of its class in lower blocks."""
        if not self._is_coarse(seen.block):
            return seen
        targets = self._of_class.to(seen.layout.targets.device)[seen.layout.targets]
        return seen._replace(layout=seen.layout._replace(targets=targets))


def _part(net: LayerLocalNet, part: slice) -> LayerLocalNet:
    """Return a view of some blocks of a network, which keep their index."""
    view = copy(net)
    view.__dict__ = net.__dict__ | {"_modules": {"blocks": nn.ModuleList(list(net)[part])}}
    return view
