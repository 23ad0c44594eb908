"""Options of single rules, and how their rates fall: bases of the settings. Imports no torch."""

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from experiments.config.names import names_in

if TYPE_CHECKING:
    DecayName: TypeAlias = str
else:
    DecayName = Literal[names_in("convff/schedule.py", "SCHEDULES")]


def in_words(value: object, between: str = " ") -> str:
    """Return a value, or several, as on the command line.

    Example:
        >>> in_words((1.0, 0.5)), in_words("hard")
        ('1.0 0.5', 'hard')
    """
    return between.join(map(str, value)) if isinstance(value, tuple) else str(value)


@dataclass(frozen=True, kw_only=True)
class RateOverrides:
    """Numbers of a recipe about rates, which the command line may replace; None keeps the preset's value."""

    decay: DecayName | None = None
    """How the learning rate falls."""

    weight_decay: float | None = None
    """Decay of the weights: for sgd and adam a part of the direction, for smoothed beside it."""

    rest_factor: float | None = None
    """With --rule ghl: the rate of the head, of scales and of biases, relative to --lr."""

    block_factors: tuple[float, ...] | None = None
    """The rate of each block relative to --lr, from the first to the last."""


@dataclass(frozen=True, kw_only=True)
class RuleOptions:
    """Options that single rules take; None keeps the preset's value, or else the rule's own default."""

    temperature: tuple[float, ...] | None = None
    """With --rule softhebb or ghl: the inverse temperature of each block's competition; one number is for all."""

    losers: Literal["anti", "none", "hard"] | None = None
    """With --rule softhebb: what channels learn that do not win. anti: the opposite; none: the same as winners, by
    their share; hard: nothing."""

    signal: Literal["both", "sign", "local", "gradient"] | None = None
    """With --rule ghl: what sets a step. both: Hebbian size, the gradient's sign; sign: the sign alone; local: the
    Hebbian direction alone; gradient: plain gradient descent."""

    iterations: int | None = None
    """With --rule recurrent: how often the network is updated while it settles."""

    counted: tuple[int, int] | None = None
    """With --rule recurrent: the first and the last iteration whose goodness counts at inference, from 1."""

    learn_from: int | None = None
    """With --rule recurrent: the first iteration that is learnt from, counted from 1."""

    damping: float | None = None
    """With --rule recurrent: the share of the new activity in a state, in (0, 1]."""

    updates: Literal["synchronous", "alternating"] | None = None
    """With --rule recurrent: all layers from the states before, or the even ones first and then the odd ones."""

    def rule_options(self) -> dict[str, Any]:
        """Return the options that are given, by name.

        Example:
            >>> RuleOptions(losers="hard").rule_options()
            {'losers': 'hard'}
        """
        values = {each.name: getattr(self, each.name) for each in fields(RuleOptions)}
        if self.temperature is not None and len(self.temperature) == 1:
            values["temperature"] = self.temperature[0]
        return {name: value for name, value in values.items() if value is not None}

    @property
    def variant(self) -> tuple[str, ...]:
        """The options that are given, in words, for tables and names.

        Example:
            >>> RuleOptions(losers="hard", temperature=(1.0, 0.5)).variant
            ('temperature 1.0 0.5', 'losers hard')
        """
        return tuple(f"{name} {in_words(value)}" for name, value in self.rule_options().items())


@dataclass(frozen=True, kw_only=True)
class NetworkOptions:
    """Options of single networks; None keeps the preset's value."""

    depth: int | None = None
    """cnn3: the number of convolutions; recurrent_local: of layers; resnet_he: of layers, 6n + 2."""
