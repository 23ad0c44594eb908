"""Automatic differentiation instead of the closed form: `dW` is the gradient of the rule's loss."""

from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from convff.network import Block
from convff.rules.base import GatedRule, LocalUpdate, Seen
from convff.rules.wrapped import Wrapped


class RuleWithLoss(GatedRule, Protocol):
    """A rule whose direction is the gradient of a loss of its own block."""

    def loss(self, seen: Seen) -> Tensor:
        """Return the loss of a block, a scalar, as a function of its activity."""
        ...


@dataclass(frozen=True, kw_only=True)
class Autograd(Wrapped):
    """A rule's direction by automatic differentiation of its loss, one block at a time.

    It is slower than the closed form of FF and HebbFF, which the tests check against it. The block's forward pass runs
    a second time, with a graph, as in common FF code, which trains a layer and then runs it again for the next one. The
    graph ends at the block's input.

    Args:
        rule: the rule, whose method `loss` is differentiated.

    Example:
        >>> from convff import ForwardForward, Layout, LengthNorm
        >>> block, rule = Block(LengthNorm(), torch.nn.Linear(3, 2)), ForwardForward()
        >>> x = torch.rand(4, 3)
        >>> seen = Seen(block, x, block.activity(x), Layout(torch.tensor([0, 1]), passes=2))
        >>> by_graph = Autograd(rule=rule).direction(seen, None).dense(block.layer)["weight"]
        >>> torch.allclose(by_graph, rule.direction(seen, None).dense(block.layer)["weight"])
        True
    """

    rule: RuleWithLoss

    def init(self, block: Block) -> Any:
        """Return the rule's own state."""
        return self.rule.init(block)

    def direction(self, seen: Seen, state: Any) -> LocalUpdate:
        """Return the gradient of the rule's loss, with the rule's metrics."""
        parameters = dict(seen.block.layer.named_parameters())
        if seen.beside is not None:
            parameters |= {f"beside.{name}": parameter for name, parameter in seen.beside.named_parameters()}
        grads = torch.autograd.grad(self._loss(seen, seen.x.detach()), list(parameters.values()))
        return LocalUpdate((dict(zip(parameters, grads, strict=True)),), state, self.gating(seen).metrics)

    def input_direction(self, seen: Seen) -> Tensor:
        """Return the gradient of the rule's loss by the normalised input."""
        x = seen.x.detach().requires_grad_()
        (direction,) = torch.autograd.grad(self._loss(seen, x), x)
        return direction

    def _loss(self, seen: Seen, x: Tensor) -> Tensor:
        """Return the rule's loss with a graph that begins at the block's normalised input."""
        with torch.enable_grad():
            z = seen.block.layer(x)
            return self.rule.loss(seen._replace(x=x, a=seen.block.activate(z), z=None if seen.z is None else z))
