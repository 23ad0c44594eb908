"""The state of a training: all that a resumed training needs to go on to the bit.

Every draw is keyed by (seed, purpose, epoch, step), so there is no state of a random generator to keep. What is left
are the weights, the optimisers, what the rule keeps, and how far the epoch has come.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from convff.tensor_files import load_tensors, save_tensors
from convff.training.trees import decode, encode

KIND = "training"


@dataclass(eq=False)
class Position:
    """How far a training has come: between two steps.

    Args:
        epoch: the current epoch, counted from 0.
        step: steps of this epoch that are done.
        totals: sums of the metrics over these steps, by name.
        first_half: means over the first half of the epoch's steps, once it is done.
        seconds: time spent in this epoch.
    """

    epoch: int = 0
    step: int = 0
    totals: dict[str, Tensor] = field(default_factory=dict)
    first_half: dict[str, Tensor] = field(default_factory=dict)
    seconds: float = 0.0

    def __str__(self) -> str:
        """Return the place in words, counted from 1."""
        return f"epoch {self.epoch + 1}, {f'step {self.step}' if self.step else 'before its first step'}"


@dataclass(frozen=True, eq=False)
class TrainingState:
    """A training as it was between two steps.

    Args:
        tensors: all tensors by name, on the CPU.
        about: the rest, as JSON.
        notes: anything else that JSON can hold, of whoever saves it.

    Example:
        >>> from convff import ImageData, RULES, Trainer, cnn3
        >>> from labels import FourierLabels
        >>> data = ImageData(torch.randint(256, (8, 1, 8, 8)).byte(), torch.arange(8) % 2, ("a", "b"), "noise")
        >>> def trainer():
        ...     return Trainer(cnn3((1, 8, 8), width=4, kernel=3), FourierLabels(2, (8, 8)), RULES["hebbff"]())
        >>> first, second = trainer(), trainer()
        >>> _ = list(first.fit(data))
        >>> second.resume(first.state())
        >>> all(torch.equal(a, b) for a, b in zip(first.net.parameters(), second.net.parameters()))
        True
    """

    tensors: dict[str, Tensor]
    about: dict[str, Any]
    notes: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, parts: dict[str, Any]) -> "TrainingState":
        """Make a state of parts by name: nested values, as `encode` takes them."""
        tensors: dict[str, Tensor] = {}
        return cls(tensors, {name: encode(part, tensors, name) for name, part in parts.items()})

    def part(self, name: str, like: Any = None) -> Any:
        """Return a part, as `decode` returns it.

        Raises:
            KeyError: there is no such part, or one of its tensors is missing.
        """
        return decode(self.about[name], self.tensors, like)

    def save(self, path: Path) -> None:
        """Write the state to a verified file, atomically; see `convff.tensor_files`."""
        save_tensors(path, self.tensors, {"parts": self.about, "notes": self.notes}, kind=KIND)

    @classmethod
    def load(cls, path: Path) -> "TrainingState":
        """Read a state. No code of the file is run.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: the file is damaged, or holds no state of a training.
        """
        tensors, about = load_tensors(path, kind=KIND)
        try:
            return cls(tensors, about["parts"], about["notes"])
        except KeyError as error:
            raise ValueError(f"{path} holds no state of a training: {error} is missing") from error


def optimizer_states(optimizers: Iterable[torch.optim.Optimizer]) -> list[dict[int, Any]]:
    """Return what each optimiser remembers of its parameters, by their number; rates are not part of it."""
    return [optimizer.state_dict()["state"] for optimizer in optimizers]


def restore_optimizer(optimizer: torch.optim.Optimizer, remembered: dict[int, Any]) -> None:
    """Give an optimiser its memory back, each tensor laid out in memory like its parameter.

    The layout matters: a sum in another order rounds otherwise.

    Raises:
        ValueError: the memory is of other parameters.
    """
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    for number, values in remembered.items():
        if number >= len(parameters):
            raise ValueError(f"the state is of an optimiser with other parameters: it has {len(parameters)} of them")
        for name, value in values.items():
            if isinstance(value, Tensor) and value.shape == parameters[number].shape and value.ndim == 4:
                values[name] = torch.empty_like(parameters[number], dtype=value.dtype).copy_(value)
    optimizer.load_state_dict(optimizer.state_dict() | {"state": remembered})
