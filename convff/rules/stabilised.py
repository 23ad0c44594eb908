"""A gated rule with stabilisers: `dW + sum_i term_i`."""

from dataclasses import dataclass
from typing import Any, NamedTuple

from torch import Tensor

from convff.network import Block
from convff.rules.base import GatedRule, LocalUpdate, Seen
from convff.rules.wrapped import Wrapped
from convff.stabilisers import GatedStep, Stabiliser


class StabilisedState(NamedTuple):
    """The states of the rule and of each stabiliser."""

    rule: Any
    stabilisers: tuple[Any, ...]


@dataclass(frozen=True, kw_only=True)
class Stabilised(Wrapped):
    """The rule's direction plus the terms of any number of stabilisers: `dW + sum_i term_i`.

    All terms use the weights and the activity before the step, so their order does not matter; constraints follow the
    step, in order. With strength 0 the result is that of the bare rule, to the bit.

    Args:
        rule: a gated rule.
        stabilisers: the stabilisers; see `convff.stabilisers`.

    Example:
        >>> import torch
        >>> from convff import HebbianForwardForward, Layout, LengthNorm
        >>> from convff.stabilisers import Decay
        >>> block, bare = Block(LengthNorm(), torch.nn.Linear(3, 2)), HebbianForwardForward()
        >>> rule = Stabilised(rule=bare, stabilisers=(Decay(strength=0.5),))
        >>> x, layout = torch.rand(4, 3), Layout(torch.tensor([0, 1]), passes=2)  # 2 images
        >>> with torch.no_grad():
        ...     seen = Seen(block, x, block.activity(x), layout)
        ...     stabilised = rule.direction(seen, rule.init(block)).dense(block.layer)["weight"]
        ...     grads = bare.direction(seen, None).dense(block.layer)["weight"]
        >>> torch.allclose(stabilised - grads, 0.5 * 2 * block.layer.weight, atol=1e-6)
        True
    """

    rule: GatedRule
    stabilisers: tuple[Stabiliser, ...] = ()

    @property
    def needs_whole_batch(self) -> bool:
        """Whether the rule or a stabiliser computes something that is no mean or sum over images."""
        return super().needs_whole_batch or any(piece.needs_whole_batch for piece in self.stabilisers)

    def init(self, block: Block) -> StabilisedState:
        """Return the states before the first step."""
        return StabilisedState(self.rule.init(block), tuple(piece.init(block) for piece in self.stabilisers))

    def direction(self, seen: Seen, state: StabilisedState) -> LocalUpdate:
        """Return the rule's direction minus the stabilisers' terms, which are ascents, with the metrics of all."""
        update, found = self.rule.direction(seen, state.rule), self.gating(seen)
        if found.c is None:
            raise ValueError("stabilisers need a weight for each unit's activity, and this place of the label has none")
        step = GatedStep(seen.block, seen.x, seen.a, found.c, found.open_weight, seen.layout.passes)
        terms, kept, metrics = list(update.terms), [], dict(update.metrics)
        for piece, before in zip(self.stabilisers, state.stabilisers, strict=True):
            term, after = piece.term(step, before)
            if term:
                terms.append({name: -ascent for name, ascent in term.items()})
            kept.append(after)
            metrics |= piece.metrics(after)
        return update._replace(terms=tuple(terms), state=StabilisedState(update.state, tuple(kept)), metrics=metrics)

    def input_direction(self, seen: Seen) -> Tensor:
        """Return the rule's direction for the input: stabilisers act on weights, not on labels."""
        return self.rule.input_direction(seen)

    def constrain(self, block: Block, state: StabilisedState) -> None:
        """Let the rule, and then each stabiliser, constrain the parameters."""
        super().constrain(block, state.rule)
        for piece, kept in zip(self.stabilisers, state.stabilisers, strict=True):
            piece.constrain(block, kept)
