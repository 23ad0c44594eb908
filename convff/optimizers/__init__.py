"""How directions become steps: one optimiser per block. A new kind of optimiser is a file and a row of the table."""

from collections.abc import Callable, Iterable

import torch
from torch import nn

from convff.optimizers.norm_dependent import NormDependentStep
from convff.optimizers.orthogonal import OrthogonalStep, orthogonalise
from convff.optimizers.per_neuron import PerNeuronStep
from convff.optimizers.relative import RelativeStep
from convff.optimizers.sign import SignStep
from convff.optimizers.smoothed import SmoothedStep


def _adam(params: Iterable[nn.Parameter], lr: float, momentum: float) -> torch.optim.Optimizer:
    params = list(params)
    fused = all(parameter.device.type in ("cpu", "cuda") for parameter in params)
    return torch.optim.Adam(params, lr=lr, betas=(momentum, 0.999), fused=fused)


def _sgd(params: Iterable[nn.Parameter], lr: float, momentum: float) -> torch.optim.Optimizer:
    return torch.optim.SGD(params, lr=lr, momentum=momentum)


OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "adam": _adam,
    "sgd": _sgd,
    "relative": RelativeStep,
    "orthogonal": OrthogonalStep,
    "per_neuron": PerNeuronStep,
    "norm_dependent": NormDependentStep,
    "sign": SignStep,
    "smoothed": SmoothedStep,
}

__all__ = [
    "OPTIMIZERS",
    "NormDependentStep",
    "OrthogonalStep",
    "PerNeuronStep",
    "RelativeStep",
    "SignStep",
    "SmoothedStep",
    "orthogonalise",
]
