"""What a training on characters refuses before it begins: strings, optimisers and numbers."""

import math

import torch
from torch import Tensor

from convff.schedule import Schedule

BY_UNIT = ("per_neuron", "norm_dependent")  # optimisers that take each row of a weight for a unit
FROM_ZERO = ("adam", "sgd", "smoothed")  # optimisers whose steps do not shrink with the weights
UNUSED = ("epochs", "batch_size", "stagger", "repeats", "rest_factor")  # what full-batch updates have no use for


def check_characters(strings: Tensor, characters: int) -> None:
    """Raise unless strings are rows of numbers of characters.

    Args:
        strings: `[S, T]`.
        characters: A, the size of the alphabet.

    Raises:
        ValueError: they are not `[S, T]`, not int64, or a number is not in [0, A).

    Example:
        >>> check_characters(torch.tensor([[0, 4]]), 4)
        Traceback (most recent call last):
        ...
        ValueError: characters must be numbers in [0, 4), got 0 to 4
    """
    if strings.dim() != 2 or not strings.numel() or strings.dtype != torch.int64:
        raise ValueError(f"strings must be int64 [S, T] and not empty, got {strings.dtype} {list(strings.shape)}")
    least, most = int(strings.min()), int(strings.max())
    if least < 0 or most >= characters:
        raise ValueError(f"characters must be numbers in [0, {characters}), got {least} to {most}")


def check_schedules(hidden: Schedule, softmax: Schedule, layers: int) -> None:
    """Raise for steps that the hidden layers or the softmax cannot take.

    Args:
        hidden: of the hidden layers.
        softmax: of the softmax.
        layers: number of hidden layers.

    Raises:
        ValueError: the first layer, a row of weights per character, is given a step per unit; the softmax, which begins
            at 0, one that is relative to its weights; or a field is set that updates on the whole text do not use.

    Example:
        >>> check_schedules(Schedule(), Schedule(optimizer="sign"), 3)
        Traceback (most recent call last):
        ...
        ValueError: the softmax begins at 0 and needs an optimizer of adam, sgd, smoothed, got 'sign'
    """
    hidden.check(layers)
    if hidden.optimizer in BY_UNIT:
        raise ValueError(
            f"optimizer {hidden.optimizer!r} cannot be used: the first layer has a row of weights per character, not "
            "per unit"
        )
    if softmax.optimizer not in FROM_ZERO:
        raise ValueError(
            f"the softmax begins at 0 and needs an optimizer of {', '.join(FROM_ZERO)}, got {softmax.optimizer!r}"
        )
    usual = Schedule()
    for schedule, unused in ((hidden, UNUSED), (softmax, (*UNUSED, "block_factors"))):
        for name in unused:
            if getattr(schedule, name) != getattr(usual, name):
                raise ValueError(f"{name} has no use here: an update takes all windows once")


def check_numbers(*, rows: int, temperature: float, total: int | None) -> None:
    """Raise for numbers out of their range.

    Raises:
        ValueError: `rows` or `total` is less than 1, or the temperature is not positive and finite.

    Example:
        >>> check_numbers(rows=1, temperature=1.0, total=0)
        Traceback (most recent call last):
        ...
        ValueError: total must be at least 1, got 0
    """
    for name, value in (("rows", rows), ("total", 1 if total is None else total)):
        if value < 1:
            raise ValueError(f"{name} must be at least 1, got {value}")
    check_temperature(temperature)


def check_temperature(temperature: float) -> None:
    """Raise unless characters can be drawn at a temperature.

    Raises:
        ValueError: it is not positive and finite.

    Example:
        >>> check_temperature(0.0)
        Traceback (most recent call last):
        ...
        ValueError: temperature must be positive and finite, got 0.0
    """
    if not 0 < temperature < math.inf:
        raise ValueError(f"temperature must be positive and finite, got {temperature}")
