"""SoftHebb: Oja's rule with a soft winner-take-all per position and anti-Hebbian losers. No label is ever seen."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from convff.competition import anti, by_largest, competing, hard, oja_direction, soft_winners, unsigned, winners
from convff.contrasts import Unlabelled
from convff.network import Block, LayerLocalNet
from convff.places.classes import refuse_labelled_passes
from convff.rules.base import LocalUpdate, Seen
from convff.units import unit_lengths

Losers = Literal["anti", "none", "hard"]
WEIGHTS: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {"anti": anti, "none": unsigned, "hard": hard}
CONVERGED = 0.01  # distance of a norm from 1


def temperatures_of(temperature: float | tuple[float, ...], count: int) -> tuple[float, ...]:
    """Return the inverse temperature of every layer, for one number for all of them or one number each.

    Raises:
        ValueError: their number is another.

    Example:
        >>> temperatures_of(0.5, 3)
        (0.5, 0.5, 0.5)
    """
    if not isinstance(temperature, tuple):
        return (temperature,) * count
    if len(temperature) != count:
        raise ValueError(f"the network has {count} layers, so as many temperatures are needed, got {len(temperature)}")
    return temperature


def check_temperature(temperature: float | tuple[float, ...]) -> None:
    """Raise unless all inverse temperatures are positive and finite.

    Raises:
        ValueError: there is none, or one is not.
    """
    given = temperature if isinstance(temperature, tuple) else (temperature,)
    if not given or not all(0 < each < math.inf for each in given):
        raise ValueError(f"temperatures must be positive and finite, got {temperature}")


@dataclass(frozen=True, kw_only=True)
class SoftHebb:
    """Competing channels that move towards the patches they win, and away from those they lose.

    With x the normalised input and `u_k = (W * x)_k`, at each position l of each image n,

        y = softmax_k(t u)
        s_k = 1 for the winner argmax_k y_k, -1 for all other channels
        D_k = sum_nl s_k y_k (x - u_k w_k)
        w_k <- w_k + eta_k D_k / max |D|

    where the maximum runs over all entries of the layer. The fixed points are filters of length 1. The rates eta_k are
    the optimiser's: `NormDependentStep`. Each block learns from its own input alone, one pass per image, without
    labels. A bias does not learn, and does not take part in the competition.

    Args:
        temperature: the inverse temperature t of every block, or one for each block, from the first to the last.
        losers: what the channels learn that do not win: "anti" as above, "none" without the sign (s = 1 for all), or
            "hard": they learn nothing.

    Raises:
        ValueError: a temperature that is not positive, or an unknown name for `losers`.

    Example:
        >>> SoftHebb(temperature=(1.0, 0.65, 0.25)).losers
        'anti'

    Reference:
        Journe, Rodriguez, Guo & Moraitis 2023, "Hebbian Deep Learning Without Feedback"; the anti-Hebbian sign and the
        division by the maximum are those of its public code. The closed form by one convolution call is ours.
    """

    evaluations: ClassVar[tuple[str, ...]] = ("dropout", "linear")
    batch_reduction: ClassVar[str] = "sum"
    needs_whole_batch: ClassVar[bool] = True  # the maximum is that of the whole sum
    wants_z: ClassVar[bool] = True
    contrast: ClassVar[Callable[..., Unlabelled]] = Unlabelled

    temperature: float | tuple[float, ...] = 1.0
    losers: Losers = "anti"

    def __post_init__(self) -> None:
        check_temperature(self.temperature)
        if self.losers not in WEIGHTS:
            raise ValueError(f"losers must be one of {', '.join(WEIGHTS)}, got {self.losers!r}")

    def check(self, net: LayerLocalNet, num_classes: int) -> None:
        """Raise unless there is a temperature for every block.

        Raises:
            ValueError: there are temperatures for another number of blocks.
        """
        temperatures_of(self.temperature, len(net))

    def init(self, block: Block) -> float:
        """Return the inverse temperature of a block that stands alone: the first one."""
        return self.temperature[0] if isinstance(self.temperature, tuple) else self.temperature

    def init_all(self, net: LayerLocalNet) -> list[float]:
        """Return the inverse temperature of every block."""
        return list(temperatures_of(self.temperature, len(net)))

    def direction(self, seen: Seen, state: float) -> LocalUpdate:
        """Return minus the equations above, without the rate; an optimiser subtracts it."""
        refuse_labelled_passes(seen.layout, "nowhere")
        assert seen.z is not None
        layer = seen.block.layer
        u = competing(layer, seen.z)
        y = soft_winners(u, state)
        top, winner = winners(y)
        moved, slow = by_largest(oja_direction(seen.x, u, WEIGHTS[self.losers](y, top, winner), layer))
        terms = {"weight": moved.neg_().to(layer.weight.dtype)}
        if layer.bias is not None:
            terms["bias"] = torch.zeros_like(layer.bias)
        return LocalUpdate((terms,), state, _metrics(layer.weight.detach(), winner) | {"slow": slow})


def _metrics(weight: Tensor, winner: Tensor) -> dict[str, Tensor]:
    """Return how far the filters are from length 1, and how the wins are spread.

    `norm_error` is the mean of `| |w_k| - 1 |`, `converged` the share of channels within `CONVERGED`, and
    `winner_entropy` the entropy of the wins over the channels: 1 if all win equally often.
    """
    lengths = unit_lengths([weight])
    distance = (lengths - 1).abs()
    wins = winner.flatten().bincount(minlength=len(weight)).to(weight.dtype)
    return {
        "norm_error": distance.mean(),
        "converged": (distance < CONVERGED).float().mean(),
        "winner_entropy": torch.special.entr(wins / wins.sum()).sum() / math.log(max(2, len(weight))),
    }
