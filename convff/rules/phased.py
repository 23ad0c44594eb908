"""Right and wrong passes learn at different times: some steps of the one, then as many of the other."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from convff.contrasts import Layout
from convff.network import Block
from convff.outer import Outer
from convff.places import AtImage
from convff.rules.base import GatedRule, LocalUpdate, Seen, Term
from convff.rules.wrapped import Wrapped

BOTH, RIGHT, WRONG = "both", "right", "wrong"


class PhasedState(NamedTuple):
    """What a phased rule remembers of a block.

    Args:
        rule: the state of the rule.
        step: number of steps so far.
        baseline: mean direction of the wrong passes in the last phase of them, by parameter name; empty at first.
    """

    rule: Any
    step: int
    baseline: dict[str, Tensor]


@dataclass(frozen=True, kw_only=True)
class Phased(Wrapped):
    """A rule whose right passes learn for `length` steps, then its wrong passes for as many, and so on.

    The gate of the other passes is 0 meanwhile; they still run, for the metrics. A phase of right passes alone raises
    goodness until all their gates are shut, one of wrong passes alone lowers it, so weights swing; long phases need low
    rates and smooth steps. Terms of stabilisers act in every step.

    Args:
        rule: a gated rule with the label in the image, or with none, so that each pass is right or wrong.
        length: steps n of a phase, right passes first; 0 for both in every step, which is the bare rule, to the bit.
        baseline: let phases of wrong passes only measure: the weights rest, and the mean direction measured is added to
            each of the next n steps of right passes. So the two are balanced at every moment, as long as the weights
            have not moved much since. An optimiser with momentum coasts while weights rest.
        sleepless_from: the step, counted from 0, from which no wrong pass learns, whatever the phase.
        sleepless: how many steps there are without wrong passes: sleep deprivation.

    Raises:
        ValueError: a number is negative; a baseline without phases; or the label is neither in the image nor nowhere.

    Example:
        >>> from convff import ForwardForward
        >>> rule = Phased(rule=ForwardForward(), length=2, sleepless_from=5, sleepless=3)
        >>> [rule.phase(step) for step in range(8)]
        ['right', 'right', 'wrong', 'wrong', 'right', 'right', 'right', 'right']

    Reference:
        Hinton 2022, sections 5.1 and 9 ("very widely separated in time"; "severe sleep deprivation"), and footnote 15
        for the baseline. Whether weights also learn while the baseline is measured is open there: our reconstruction.
    """

    rule: GatedRule
    length: int = 0
    baseline: bool = False
    sleepless_from: int = 0
    sleepless: int = 0

    def __post_init__(self) -> None:
        if min(self.length, self.sleepless_from, self.sleepless) < 0:
            raise ValueError(
                "length, sleepless_from and sleepless must be at least 0, "
                f"got {self.length}, {self.sleepless_from} and {self.sleepless}"
            )
        if self.baseline and not self.length:
            raise ValueError("a baseline needs phases: length must be at least 1, got 0")
        if not isinstance(self.label_at, AtImage):
            raise ValueError(
                f"phases need passes that are right or wrong, and {type(self.label_at).__name__} compares all labels "
                "in one: use AtImage, InGroups or AtNowhere"
            )

    def phase(self, step: int) -> str:
        """Return which passes learn in a step, counted from 0: "both", "right" or "wrong"."""
        if 0 <= step - self.sleepless_from < self.sleepless:
            return RIGHT
        if not self.length:
            return BOTH
        return WRONG if step // self.length % 2 else RIGHT

    def init(self, block: Block) -> PhasedState:
        """Return the state before the first step."""
        return PhasedState(self.rule.init(block), 0, {})

    def direction(self, seen: Seen, state: PhasedState) -> LocalUpdate:
        """Return the direction of the passes that learn now, with the metrics of both."""
        update, phase = self.rule.direction(seen, state.rule), self.phase(state.step)
        baseline, terms = state.baseline, _of_phase(update.terms, phase, seen.layout)
        if self.baseline and phase == WRONG:
            measured = _outer_terms_of(update._replace(terms=terms)).dense(seen.block.layer)
            baseline = _mean(baseline, measured, state.step % self.length)
            rest = {name: torch.zeros_like(tensor) for name, tensor in measured.items()}
            terms = (rest, *(term for term in terms if not isinstance(term, Outer)))
        elif self.baseline and baseline:
            terms = (*terms, baseline)
        return update._replace(terms=terms, state=PhasedState(update.state, state.step + 1, baseline))


def _of_phase(terms: tuple[Term, ...], phase: str, layout: Layout) -> tuple[Term, ...]:
    """Return the terms with only the outer products of the passes of a phase; dense terms stay."""
    if phase == BOTH:
        return terms
    passes = slice(0, 1) if phase == RIGHT else slice(1, None)
    return tuple(
        Outer(*(layout.by_image(factor)[:, passes].flatten(0, 1) for factor in term))
        if isinstance(term, Outer)
        else term
        for term in terms
    )


def _outer_terms_of(update: LocalUpdate) -> LocalUpdate:
    return update._replace(terms=tuple(term for term in update.terms if isinstance(term, Outer)))


def _mean(mean: dict[str, Tensor], new: dict[str, Tensor], before: int) -> dict[str, Tensor]:
    """Return the mean of `before` directions and a new one."""
    if not before:
        return new
    return {name: torch.lerp(mean[name], direction, 1 / (before + 1)) for name, direction in new.items()}
