"""Training and evaluation modes of a model: evaluation for a while, then each module's own mode again."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Switch to evaluation mode; restore each module's own mode afterwards, also after an exception.

    Example:
        >>> model = nn.Dropout()
        >>> with evaluating(model):
        ...     inside = model.training
        >>> inside, model.training
        (False, True)
    """
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training
