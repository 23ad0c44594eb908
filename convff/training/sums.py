"""Sums of tensors by name."""

from collections.abc import Mapping

from torch import Tensor


def add_by_name(total: dict[str, Tensor], values: Mapping[str, Tensor]) -> None:
    """Add values to a total, each to the one of its name; no tensor is changed.

    Args:
        total: the sums so far; names that it lacks begin with their value.
        values: what to add.

    Example:
        >>> import torch
        >>> total = {}
        >>> for value in (1.0, 2.0):
        ...     add_by_name(total, {"loss": torch.tensor(value)})
        >>> total
        {'loss': tensor(3.)}
    """
    for name, value in values.items():
        total[name] = total[name] + value if name in total else value
