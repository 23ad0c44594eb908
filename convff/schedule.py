"""How long and how fast to learn: epochs, batches, optimiser, and how the rate falls."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import nn

from convff.optimizers import OPTIMIZERS


def constant(progress: float) -> float:
    """The learning rate stays as it is (Scodellaro et al. 2025 on CIFAR)."""
    return 1.0


def linear_cooldown(progress: float) -> float:
    """Full rate for the first half, then linearly to 0 (Hinton's schedule; Scodellaro et al. 2025, Methods).

    The paper's `lr(e) = 2 lr / E (1 + E - e)` for epochs e = 1 .. E is this line at `progress = (e - 1) / E`; here the
    rate changes at every step.

    Example:
        >>> [linear_cooldown(progress) for progress in (0.0, 0.5, 0.75, 1.0)]
        [1.0, 1.0, 0.5, 0.0]
    """
    return min(1.0, 2.0 * (1.0 - progress))


SCHEDULES: dict[str, Callable[[float], float]] = {"constant": constant, "cooldown": linear_cooldown}


BESIDE_RATE = 1e-3


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """How long and how fast to learn.

    Args:
        epochs: passes over the data.
        batch_size: images a step (each in P passes).
        optimizer: a name in `convff.optimizers.OPTIMIZERS`.
        lr: learning rate.
        momentum: momentum, or Adam's first beta.
        decay: how the rate falls, a name in `SCHEDULES`.

    Raises:
        ValueError: a number out of range, or an unknown name.

    Example:
        >>> Schedule(epochs=3, decay="constant").epochs
        3
    """

    epochs: int = 1
    batch_size: int = 32
    optimizer: str = "adam"
    lr: float = 1e-3
    momentum: float = 0.9
    decay: str = "cooldown"

    def __post_init__(self) -> None:
        if self.epochs < 0 or self.batch_size < 2:
            raise ValueError(
                f"epochs must be at least 0 and batch_size at least 2, not {self.epochs} and {self.batch_size}"
            )
        if self.lr <= 0 or not 0 <= self.momentum < 1:
            raise ValueError(f"lr must be positive and momentum in [0, 1), not {self.lr} and {self.momentum}")
        for name, table in ((self.optimizer, OPTIMIZERS), (self.decay, SCHEDULES)):
            if name not in table:
                raise ValueError(f"{name!r} is not one of {', '.join(table)}")

    @property
    def is_plain(self) -> bool:
        """Whether a step is just the rate times the direction: it can be added as it is computed."""
        return self.optimizer == "sgd" and self.momentum == 0

    def rate(self, progress: float) -> float:
        """The learning rate at a point between 0 and 1 of the whole training."""
        return self.lr * SCHEDULES[self.decay](progress)

    def make_optimizer_beside(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        """The optimiser of what learns beside a block, e.g. a head: Adam, whatever the blocks have.

        A step measured against the weights would never move what starts at zero. Its rate is `BESIDE_RATE`, and falls
        as that of the blocks does: a trainer multiplies the blocks' rate by `factor` of the parameter group.
        """
        optimizer = OPTIMIZERS["adam"](parameters, lr=BESIDE_RATE, momentum=0.9)
        for group in optimizer.param_groups:
            group["factor"] = BESIDE_RATE / self.lr
        return optimizer

    def make_optimizer(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        """The optimiser of one block."""
        return OPTIMIZERS[self.optimizer](parameters, lr=self.lr, momentum=self.momentum)
