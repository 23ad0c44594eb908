"""What a local step checks and makes before it learns, and how it moves parameters."""

from collections.abc import Iterable
from functools import partial

import torch
from torch import Tensor, nn

from convff.local_linear import LocalLinear
from convff.network import LayerLocalNet
from convff.randomness import keyed_generator
from convff.recurrent.network import refuse_settling
from convff.rules.base import LocalRule, Setup
from convff.schedule import learns_by


def refuse_unfit(rule: LocalRule, setup: Setup) -> None:
    """Raise unless a rule fits the network and the number of processes.

    Raises:
        ValueError: it does not.
    """
    refuse_settling(setup.net)
    if setup.processes.size > 1 and getattr(rule, "needs_whole_batch", False):
        raise ValueError("the rule, or one of its stabilisers, needs the whole batch: use one process")
    if hasattr(rule, "check"):
        rule.check(setup.net, setup.labels.num_classes)


def refuse_steps(rule: object, optimizer: str) -> None:
    """Raise if a rule cannot learn by an optimiser.

    Raises:
        ValueError: it names the optimisers that the rule needs, and why.
    """
    if not learns_by(rule, optimizer):
        needed = " or ".join(rule.steps)  # type: ignore[attr-defined]
        raise ValueError(f"optimizer must be {needed}, got {optimizer}: {rule.why_steps}")  # type: ignore[attr-defined]


def refuse_to_observe(rule: LocalRule, setup: Setup) -> None:
    """Raise unless a contrast can learn from the goodness of all passes of a step.

    Raises:
        ValueError: there are several processes, or the rule has no goodness.
    """
    if setup.processes.size > 1:
        raise ValueError(
            "wrong labels chosen by earlier passes need one process, "
            f"got {setup.processes.size}: each would know only its own passes"
        )
    if not hasattr(rule, "goodness"):
        raise ValueError(f"wrong labels chosen by earlier passes need a rule with goodness, got {type(rule).__name__}")


def modules_beside(rule: LocalRule, setup: Setup) -> list[nn.Module | None]:
    """Make the module that learns beside each block's layer, if any, on the device and in the dtype of the block."""
    make = getattr(rule, "beside", None)
    made = []
    for index, block in enumerate(setup.net):
        module = None if make is None else make(block, keyed_generator(setup.seed, "beside", index))
        made.append(None if module is None else module.to(block.layer.weight))
    return made


def suit_local_fields(net: LayerLocalNet, optimizers: Iterable[torch.optim.Optimizer]) -> None:
    """Tell the optimisers of layers with local fields what their weights are, where a step mixes the entries of one.

    That is the orthogonalised step: it needs to know how many matrices a weight holds, and would move weights that are
    no connections. For steps entry by entry, directions of 0 are enough.
    """
    local = {id(block.layer.weight): block.layer for block in net if isinstance(block.layer, LocalLinear)}
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            for layer in (local[id(parameter)] for parameter in group["params"] if id(parameter) in local):
                if "locations" in group:
                    group["locations"] = layer.locations
                if layer.connections is not None:
                    optimizer.register_step_post_hook(partial(_constrain, layer))


def _constrain(layer: LocalLinear, *_: object) -> None:
    layer.constrain_()


def take_step(optimizer: torch.optim.Optimizer, directions: Iterable[tuple[nn.Parameter, Tensor]]) -> None:
    """Take one step along the directions, each given with its parameter."""
    for parameter, direction in directions:
        parameter.grad = _laid_out_like(parameter, direction)
    optimizer.step()
    optimizer.zero_grad()  # no gradient is kept, so memory does not grow with depth


def _laid_out_like(parameter: Tensor, grad: Tensor) -> Tensor:
    """Return the gradient in the parameter's memory format, which fused optimisers assume."""
    return grad if grad.stride() == parameter.stride() else torch.empty_like(parameter).copy_(grad)
