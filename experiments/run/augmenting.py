"""Augmentations by name, or from the user's own file, which may also hold a transform of torchvision."""

import inspect
from collections.abc import Callable
from typing import Any

from torch import Generator, Tensor, nn

from convff import AUGMENTATIONS, from_torchvision
from experiments.run.building import look_up

GENERATOR = "generator"


def augmentation_of(name: str) -> Callable[[Tensor, Generator], Tensor]:
    """Return an augmentation.

    Args:
        name: a key of `AUGMENTATIONS`; or FILE.py:NAME of a function `(images, generator) -> images`, of a transform of
            one image as in torchvision, or of a class of either.

    Raises:
        SettingsError: there is no such name.

    Example:
        >>> augmentation_of("flips").__name__
        'flips'
    """
    found: Any = look_up("augment", name, AUGMENTATIONS)
    if inspect.isclass(found):
        found = found()
    if isinstance(found, nn.Module) or GENERATOR not in inspect.signature(found).parameters:
        return from_torchvision(found)
    made: Callable[[Tensor, Generator], Tensor] = found
    return made
