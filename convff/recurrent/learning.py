"""What a step of a settling network needs of its rule."""

from typing import Protocol

from convff.gates import Gate
from convff.network import LayerLocalNet
from convff.recurrent.settling import Updates
from convff.rules.reductions import Reduction


class Learning(Protocol):
    """The options of a rule that learns while a network settles; see `convff.rules.RecurrentForwardForward`."""

    @property
    def gate(self) -> Gate:
        """How goodness becomes a weight."""
        ...

    @property
    def reduced(self) -> Reduction:
        """How a state becomes goodness."""
        ...

    @property
    def iterations(self) -> int:
        """Number of iterations."""
        ...

    @property
    def learn_from(self) -> int:
        """The first iteration that is learnt from, counted from 1."""
        ...

    @property
    def damping(self) -> float:
        """Share of the new activity in a state."""
        ...

    @property
    def updates(self) -> Updates:
        """Which states an iteration reads."""
        ...

    @property
    def peer(self) -> float:
        """Strength of peer normalisation."""
        ...

    @property
    def momentum(self) -> float:
        """How slowly the usual activity of a unit changes."""
        ...

    def check(self, net: LayerLocalNet, num_classes: int) -> None:
        """Raise ValueError unless the rule fits a network and a number of classes."""
        ...
