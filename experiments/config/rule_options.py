"""Options of single rules, and how their rates fall: bases of the settings. Imports no torch."""

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from experiments.config.names import names_in

if TYPE_CHECKING:
    DecayName: TypeAlias = str
else:
    DecayName = Literal[names_in("convff/schedule.py", "SCHEDULES")]


@dataclass(frozen=True, kw_only=True)
class RateOverrides:
    """Numbers of a recipe about rates, which the command line may replace; None keeps the preset's value."""

    decay: DecayName | None = None
    """How the learning rate falls."""

    weight_decay: float | None = None
    """Decay of the weights: for sgd and adam a part of the direction, for smoothed beside it."""

    rest_factor: float | None = None
    """With --rule ghl: the rate of the head, of scales and of biases, relative to --lr."""


@dataclass(frozen=True, kw_only=True)
class RuleOptions:
    """Options that single rules take; None keeps the preset's value, or else the rule's own default."""

    losers: Literal["anti", "none", "hard"] | None = None
    """With --rule softhebb: what channels learn that do not win. anti: the opposite; none: the same as winners, by
    their share; hard: nothing."""

    signal: Literal["both", "sign", "local", "gradient"] | None = None
    """With --rule ghl: what sets a step. both: Hebbian size, the gradient's sign; sign: the sign alone; local: the
    Hebbian direction alone; gradient: plain gradient descent."""

    def rule_options(self) -> dict[str, Any]:
        """Return the options that are given, by name.

        Example:
            >>> RuleOptions(losers="hard").rule_options()
            {'losers': 'hard'}
        """
        values = {each.name: getattr(self, each.name) for each in fields(RuleOptions)}
        return {name: value for name, value in values.items() if value is not None}

    @property
    def variant(self) -> tuple[str, ...]:
        """The options that are given, in words, for tables and names.

        Example:
            >>> RuleOptions(losers="hard").variant
            ('losers hard',)
        """
        return tuple(f"{name} {value}" for name, value in self.rule_options().items())


@dataclass(frozen=True, kw_only=True)
class NetworkOptions:
    """Options of single networks; None keeps the preset's value."""

    depth: int | None = None
    """cnn3: the number of convolutions; resnet_he: the number of layers, 6n + 2."""
