"""Gates as values, one per file: each knows its equation, its loss, and which decisions of its layer are right.

A gate is a frozen dataclass, so that it can be printed, compared and written into a run's settings. A new gate is a
file and a row of the table.
"""

from collections.abc import Callable

from convff.gates.base import Gate
from convff.gates.softmax import Softmax
from convff.gates.symmetric import Symmetric
from convff.gates.threshold import Threshold

GATES: dict[str, Callable[..., Gate]] = {"threshold": Threshold, "symmetric": Symmetric, "softmax": Softmax}

__all__ = ["GATES", "Gate", "Softmax", "Symmetric", "Threshold"]
