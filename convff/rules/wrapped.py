"""Base of rules that wrap another rule: what they delegate to it."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from convff.contrasts import Contrast, LabelContrast
from convff.network import Block, LayerLocalNet
from convff.places import Place
from convff.rules.base import ConstrainingRule, GatedRule, Gating, Seen


class Wrapped:
    """A rule that delegates to the gated rule it wraps; a subclass adds `init` and the directions."""

    rule: GatedRule

    @property
    def batch_reduction(self) -> str:
        """See `LocalRule`."""
        return self.rule.batch_reduction

    @property
    def evaluations(self) -> tuple[str, ...]:
        """See `LocalRule`."""
        return self.rule.evaluations

    @property
    def wants_z(self) -> bool:
        """See `LocalRule`."""
        return getattr(self.rule, "wants_z", False)

    @property
    def contrast(self) -> Callable[..., Contrast]:
        """See `LocalRule`."""
        return getattr(self.rule, "contrast", LabelContrast)

    @property
    def label_at(self) -> Place | None:
        """The place of the label of the wrapped rule; None if it has none."""
        return getattr(self.rule, "label_at", None)

    @property
    def needs_whole_batch(self) -> bool:
        """See `LocalRule`."""
        return getattr(self.rule, "needs_whole_batch", False)

    @property
    def first_scored(self) -> int:
        """Index of the first block whose scores tell all classes apart."""
        return getattr(self.rule, "first_scored", 0)

    def fitting(self, width: int, block: int | None = None) -> int:
        """Return the nearest width that fits a block by its index, or every block if it is None."""
        fitted: int = self.rule.fitting(width, block) if hasattr(self.rule, "fitting") else width
        return fitted

    def beside(self, block: Block, generator: torch.Generator) -> nn.Module | None:
        """See `LocalRule`."""
        return self.rule.beside(block, generator) if hasattr(self.rule, "beside") else None

    def scores(self, seen: Seen) -> Tensor:
        """Return the wrapped rule's class scores `[N, K]` of a block."""
        scores: Tensor = self.rule.scores(seen)  # type: ignore[attr-defined]
        return scores

    def check(self, net: LayerLocalNet, num_classes: int) -> None:
        """See `LocalRule`."""
        if hasattr(self.rule, "check"):
            self.rule.check(net, num_classes)

    def constrain(self, block: Block, state: Any) -> None:
        """See `ConstrainingRule`."""
        if isinstance(self.rule, ConstrainingRule):
            self.rule.constrain(block, state)

    def goodness(self, a: Tensor) -> Tensor:
        """See `GatedRule`."""
        return self.rule.goodness(a)

    def contribution(self, a: Tensor) -> Tensor:
        """See `GatedRule`."""
        return self.rule.contribution(a)

    def gating(self, seen: Seen) -> Gating:
        """See `GatedRule`."""
        return self.rule.gating(seen)
