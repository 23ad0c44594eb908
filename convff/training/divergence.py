"""A training whose figures are not finite any more."""

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

Metrics = Mapping[str, Sequence[float]]


class DivergedError(ArithmeticError):
    """Training diverged; the message names the figure, the block, the epoch and a remedy."""


def stop_if_diverged(
    epoch: int, metrics: Metrics, step: int | None = None, *, blocks: Sequence[int] | None = None
) -> None:
    """Raise `DivergedError` if a metric of an epoch is not a finite number.

    Args:
        epoch: counted from 0.
        metrics: of the epoch; see `convff.EpochRecord`.
        step: number of steps of the epoch that the metrics are of; None for the whole epoch.
        blocks: indices of the blocks that learn, if not all do: lists of this length are of them.

    Example:
        >>> stop_if_diverged(0, {"loss": [0.5, float("nan")]})
        Traceback (most recent call last):
        ...
        convff.training.divergence.DivergedError: loss of block 2 is nan in epoch 1: training diverged; try a smaller lr, or another gate or scale
    """  # noqa: E501
    for name, values in metrics.items():
        numbers = blocks if blocks is not None and len(blocks) == len(values) else range(len(values))
        for block, value in zip(numbers, values, strict=True):
            if not math.isfinite(value):
                when = f"epoch {epoch + 1}" + ("" if step is None else f", by step {step}")
                raise DivergedError(
                    f"{name} of block {block + 1} is {value} in {when}: training diverged; "
                    "try a smaller lr, or another gate or scale"
                )


def stop_if_not_finite(epoch: int, totals: Mapping[str, Tensor], step: int, blocks: Sequence[int]) -> None:
    """Raise `DivergedError` if a sum of metrics on the device is not finite; only one number is read from the device.

    Args:
        epoch: counted from 0.
        totals: sums of the metrics of the epoch so far `[blocks]` or `[1]`, by name.
        step: number of steps that they are of.
        blocks: indices of the blocks that learn.
    """
    if not torch.stack([total.isfinite().all() for total in totals.values()]).all():
        stop_if_diverged(epoch, {name: total.tolist() for name, total in totals.items()}, step, blocks=blocks)
