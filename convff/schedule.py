"""How long and how fast to learn: epochs, batches, optimiser, and how the rate falls."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import nn

from convff.optimizers import OPTIMIZERS


def constant(progress: float) -> float:
    """Return 1: the learning rate is constant (Scodellaro et al. 2025 on CIFAR)."""
    return 1.0


def linear_cooldown(progress: float) -> float:
    """Return 1 for the first half, then fall linearly to 0 (Hinton's schedule; Scodellaro et al. 2025, Methods).

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
        batch_size: images per step, each in P passes.
        optimizer: a name in `convff.optimizers.OPTIMIZERS`.
        lr: learning rate.
        momentum: momentum, or Adam's first beta.
        decay: how the rate falls: a name in `SCHEDULES`.
        stagger: how far lower blocks are ahead of higher ones in training, in [0, 1); see `window`.
        repeats: steps on each batch, all with the same passes.

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
    stagger: float = 0.0
    repeats: int = 1

    def __post_init__(self) -> None:
        if self.epochs < 0 or self.batch_size < 2:
            raise ValueError(
                f"epochs must be at least 0 and batch_size at least 2, got {self.epochs} and {self.batch_size}"
            )
        if self.lr <= 0 or not 0 <= self.momentum < 1:
            raise ValueError(f"lr must be positive and momentum in [0, 1), got {self.lr} and {self.momentum}")
        if not 0 <= self.stagger < 1:
            raise ValueError(f"stagger must be in [0, 1), got {self.stagger}")
        if self.repeats < 1:
            raise ValueError(f"repeats must be at least 1, got {self.repeats}")
        for name, table in ((self.optimizer, OPTIMIZERS), (self.decay, SCHEDULES)):
            if name not in table:
                raise ValueError(f"{name!r} is not one of {', '.join(table)}")

    @property
    def is_plain(self) -> bool:
        """Whether a step is just the rate times the direction, so that it can be added as it is computed."""
        return self.optimizer == "sgd" and self.momentum == 0

    def rate(self, progress: float, window: tuple[float, float] = (0.0, 1.0)) -> float:
        """Return the learning rate at `progress` in [0, 1], for a block that learns within `window`.

        Outside its window the rate of a block is 0: it passes on its activity and does not learn.

        Example:
            >>> schedule = Schedule(lr=0.1, decay="constant")
            >>> schedule.rate(0.2), schedule.rate(0.2, window=(0.0, 0.5)), schedule.rate(0.2, window=(0.25, 1.0))
            (0.1, 0.1, 0.0)
        """
        begin, end = window
        if not begin <= progress <= end:
            return 0.0
        return self.lr * SCHEDULES[self.decay]((progress - begin) / (end - begin))

    def set_rates(self, optimizers: Iterable[torch.optim.Optimizer], progress: float) -> None:
        """Give optimisers their rate at `progress` in [0, 1], by the `window` and `factor` of each parameter group."""
        for optimizer in optimizers:
            for group in optimizer.param_groups:
                group["lr"] = self.rate(progress, group.get("window", (0.0, 1.0))) * group.get("factor", 1.0)

    def window(self, block: int, blocks: int) -> tuple[float, float]:
        """Return the part of the training in which a block learns.

        With stagger s, block 0 ends at `1 - s` and the last one at 1; the last one begins at `s / 2`. So the
        blocks above learn on fixed features for a while, and a block that has finished costs only a forward pass.

        Example:
            >>> [Schedule(stagger=0.4).window(block, 3) for block in range(3)]
            [(0.0, 0.6), (0.1, 0.8), (0.2, 1.0)]
        """
        height = block / max(1, blocks - 1)
        return self.stagger / 2 * height, 1 - self.stagger * (1 - height)

    def make_optimizer_beside(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        """Make the optimiser of a module beside a block, e.g. a head: Adam, whatever the optimiser of the blocks.

        A step relative to the weights' length would never move weights that start at zero. The rate is `BESIDE_RATE`
        and falls with that of the blocks: `set_rates` multiplies their rate by `factor` of the parameter group.
        """
        optimizer = OPTIMIZERS["adam"](parameters, lr=BESIDE_RATE, momentum=0.9)
        for group in optimizer.param_groups:
            group["factor"] = BESIDE_RATE / self.lr
        return optimizer

    def make_optimizer(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        """Make the optimiser of one block."""
        return OPTIMIZERS[self.optimizer](parameters, lr=self.lr, momentum=self.momentum)
