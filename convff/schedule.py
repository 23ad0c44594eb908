"""How long and how fast to learn: epochs, batches, optimiser, and how the rate falls."""

import math
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


def cosine(progress: float) -> float:
    """Return `(1 + cos(pi progress)) / 2`, from 1 to 0 (Loshchilov & Hutter 2017, without restarts).

    Example:
        >>> [round(cosine(progress), 3) for progress in (0.0, 0.5, 1.0)]
        [1.0, 0.5, 0.0]
    """
    return (1 + math.cos(math.pi * progress)) / 2


SCHEDULES: dict[str, Callable[[float], float]] = {
    "constant": constant,
    "cooldown": linear_cooldown,
    "cosine": cosine,
}
DECAYING = ("sgd", "adam", "smoothed")  # optimisers that can let weights decay


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
        weight_decay: d in `direction + d w`, which the optimiser, "sgd" or "adam", takes instead of the direction; of
            "smoothed", the decay of weights beside the direction.
        block_factors: the rate of each block relative to `lr`, from the first to the last; 1 for all if empty.
        rest_factor: the rate, relative to `lr`, of what belongs to no block's layer (a head, scales of norms), for
            rules that train both by the same optimiser.

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
    weight_decay: float = 0.0
    block_factors: tuple[float, ...] = ()
    rest_factor: float = 1.0

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
        if not 0 <= self.weight_decay < math.inf:
            raise ValueError(f"weight_decay must be at least 0 and finite, got {self.weight_decay}")
        if self.weight_decay and self.optimizer not in DECAYING:
            raise ValueError(f"weight_decay needs an optimizer of {', '.join(DECAYING)}, got {self.optimizer!r}")
        if not all(0 < factor < math.inf for factor in (*self.block_factors, self.rest_factor)):
            raise ValueError(
                f"factors of the rate must be positive and finite, got {self.block_factors} and {self.rest_factor}"
            )
        for name, table in ((self.optimizer, OPTIMIZERS), (self.decay, SCHEDULES)):
            if name not in table:
                raise ValueError(f"{name!r} is not one of {', '.join(table)}")

    @property
    def is_plain(self) -> bool:
        """Whether a step is just the rate times the direction, so that it can be added as it is computed."""
        return self.optimizer == "sgd" and self.momentum == 0 and self.weight_decay == 0

    def check(self, blocks: int) -> None:
        """Raise unless there is a factor of the rate for every block, or none.

        Raises:
            ValueError: there are factors for another number of blocks.
        """
        if len(self.block_factors) not in (0, blocks):
            raise ValueError(f"block_factors must be none or one per block, {blocks}, got {len(self.block_factors)}")

    def factor(self, block: int) -> float:
        """Return the rate of a block relative to `lr`; block 0 is the first.

        Example:
            >>> Schedule(block_factors=(1.0, 0.5)).factor(1)
            0.5
        """
        return self.block_factors[block] if self.block_factors else 1.0

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
        optimizer = OPTIMIZERS[self.optimizer](parameters, lr=self.lr, momentum=self.momentum)
        for group in optimizer.param_groups if self.weight_decay else ():
            group["weight_decay"] = self.weight_decay
        return optimizer

    def make_rest_optimizer(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        """Make the optimiser of parameters of no block's layer: without decay, at `rest_factor` of the rate.

        Example:
            >>> schedule = Schedule(optimizer="sgd", lr=0.1, weight_decay=0.05, rest_factor=0.5)
            >>> group = schedule.make_rest_optimizer([nn.Parameter(torch.ones(1))]).param_groups[0]
            >>> group["factor"], group["weight_decay"]
            (0.5, 0)
        """
        optimizer = OPTIMIZERS[self.optimizer](parameters, lr=self.lr * self.rest_factor, momentum=self.momentum)
        for group in optimizer.param_groups:
            group["factor"] = self.rest_factor
        return optimizer


def usual_optimizer(rule: object) -> str:
    """Return an optimiser by which a rule can learn: Adam, or the first of `rule.steps`, those that it needs.

    Example:
        >>> from convff import ForwardForward, GlobalHebbian
        >>> usual_optimizer(ForwardForward()), usual_optimizer(GlobalHebbian())
        ('adam', 'sgd')
    """
    return str(getattr(rule, "steps", ("adam",))[0])


def learns_by(rule: object, optimizer: str) -> bool:
    """Return whether a rule can learn by an optimiser: any, unless `rule.steps` names those that it needs.

    Example:
        >>> from convff import ForwardForward, GlobalHebbian
        >>> learns_by(ForwardForward(), "adam"), learns_by(GlobalHebbian(), "adam")
        (True, False)
    """
    return optimizer in getattr(rule, "steps", (optimizer,))
