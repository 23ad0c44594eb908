"""One update's lesson: the strings in chunks, the sums of directions, and what is noted on the way."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from convff.characters.net import CharacterNet
from convff.characters.rollout import uniforms_for


class Directions:
    """Sums of directions by the name of the parameter; parameters without a direction rest.

    Args:
        share: what part of their rate the hidden layers take in this step, in (0, 1]; the softmax always takes all.

    Example:
        >>> import torch
        >>> directions = Directions()
        >>> for _ in range(2):
        ...     directions.add("softmax", {"bias": torch.ones(1)})
        >>> directions.by_name
        {'softmax.bias': tensor([2.])}
    """

    def __init__(self, share: float = 1.0) -> None:
        self.share = share
        self.by_name: dict[str, Tensor] = {}

    def add(self, module: str, parts: dict[str, Tensor]) -> None:
        """Add the direction of a chunk of windows."""
        for name, part in parts.items():
            known = self.by_name.get(f"{module}.{name}")
            if known is None:
                self.by_name[f"{module}.{name}"] = part
            else:
                known.add_(part)


class Notes:
    """Sums of measures, and what they are sums of.

    Example:
        >>> import torch
        >>> notes = Notes()
        >>> notes.add("right", torch.tensor(3.0), 4)
        >>> notes.add("right", torch.tensor(1.0), 4)
        >>> notes.means()
        {'right': 0.5}
    """

    def __init__(self) -> None:
        self._sums: dict[str, Tensor] = {}
        self._counts: dict[str, float] = defaultdict(float)

    def add(self, name: str, total: Tensor, count: float) -> None:
        """Add the sum of a measure over some cases, and their number."""
        total = total.double()
        self._sums[name] = self._sums[name] + total if name in self._sums else total
        self._counts[name] += count

    def means(self) -> dict[str, float]:
        """Return the mean of each measure."""
        return {name: total.item() / self._counts[name] for name, total in self._sums.items()}


@dataclass(eq=False)
class Lesson:
    """What a regime of negatives is given for one update.

    Args:
        net: the network; between two directions that a regime yields, it takes a step.
        strings: the real text `[S, T]`.
        update: number of the update, from 0: key of the draws.
        seed: key of the draws.
        rows: number of windows that are computed at once, at most, but for those of a single string.
        temperature: of generated text.
        notes: what is measured.
        memory: what a regime keeps from one update to the next. It is not saved, so it must follow from the rest.
    """

    net: CharacterNet
    strings: Tensor
    update: int = 0
    seed: int = 0
    rows: int = 2048
    temperature: float = 1.0
    notes: Notes = field(default_factory=Notes)
    memory: dict[Any, Any] = field(default_factory=dict)

    @property
    def length(self) -> int:
        """Number n of predictions per string, and of its positives."""
        return self.strings.shape[1] - self.net.window

    @property
    def predictions(self) -> int:
        """Number of predictions in the whole text, of positives, and of negatives."""
        return len(self.strings) * self.length

    def chunks(self) -> Iterator[slice]:
        """Return which strings are computed at once, all windows of each."""
        return slices(len(self.strings), self.rows // (self.length + 1))

    def rollouts(self) -> Iterator[slice]:
        """Return which strings are generated at once, one window of each."""
        return slices(len(self.strings), self.rows)

    def uniforms(self, purpose: str) -> Tensor:
        """Return a number in [0, 1) for each predicted character `[S, n]`: the draws of this update."""
        drawn = uniforms_for(len(self.strings), self.length, self.seed, purpose, self.update)
        return drawn.to(self.strings.device)


def slices(count: int, size: int) -> Iterator[slice]:
    """Return slices of at most `size`, at least 1, that cover `count`.

    Example:
        >>> list(slices(3, 2))
        [slice(0, 2, None), slice(2, 3, None)]
    """
    size = max(1, size)
    return (slice(start, min(start + size, count)) for start in range(0, count, size))
