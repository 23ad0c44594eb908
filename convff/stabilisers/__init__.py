"""Stabilisers, one per file: they bound the weights. A new stabiliser is a file and a row of the table."""

from collections.abc import Callable

from convff.stabilisers.base import GatedStep, Stabiliser
from convff.stabilisers.bcm import SlidingThreshold
from convff.stabilisers.decay import Decay
from convff.stabilisers.oja import Oja
from convff.stabilisers.peer import PeerNormalisation
from convff.stabilisers.weight_norm import WeightNorm

STABILISERS: dict[str, Callable[..., Stabiliser]] = {
    "decay": Decay,
    "oja": Oja,
    "bcm": SlidingThreshold,
    "weight_norm": WeightNorm,
    "peer": PeerNormalisation,
}

__all__ = [
    "STABILISERS",
    "Decay",
    "GatedStep",
    "Oja",
    "PeerNormalisation",
    "SlidingThreshold",
    "Stabiliser",
    "WeightNorm",
]
