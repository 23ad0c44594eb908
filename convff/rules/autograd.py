"""Automatic differentiation in the place of the closed form: slower, and good for any activation."""

from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from convff.network import Block
from convff.rules.base import GatedRule, LocalUpdate


class RuleWithLoss(GatedRule, Protocol):
    """A rule whose direction is the gradient of a loss of its own block."""

    def loss(self, g: Tensor, units: int) -> Tensor:
        """The loss, a scalar, of goodness `[B, P]` of a layer of so many units."""
        ...


@dataclass(frozen=True, kw_only=True)
class Autograd:
    """A rule's direction by automatic differentiation of its loss, one block at a time.

    The closed form of FF and HebbFF needs ReLU. This one does not, and the tests hold the closed form against it. The
    block's forward pass runs a second time, with a graph: so does FF code as it is usually written, which trains a
    layer and then runs it again for the next one. The graph ends at the block's input.

    Args:
        rule: the rule; what it calls its loss is differentiated.

    Example:
        >>> from convff import ForwardForward, LengthNorm
        >>> block = Block(LengthNorm(), torch.nn.Linear(3, 2))
        >>> x = torch.rand(4, 3)
        >>> a, rule = block.activity(x), ForwardForward()
        >>> g = rule.goodness(a).view(2, 2)
        >>> by_graph = Autograd(rule=rule).direction(block, x, a, g, None).dense(block.layer)["weight"]
        >>> torch.allclose(by_graph, rule.direction(block, x, a, g, None).dense(block.layer)["weight"])
        True
    """

    rule: RuleWithLoss

    @property
    def batch_reduction(self) -> str:
        """Delegates to the rule."""
        return self.rule.batch_reduction

    @property
    def evaluations(self) -> tuple[str, ...]:
        """Delegates to the rule."""
        return self.rule.evaluations

    def init(self, block: Block) -> Any:
        """The rule's own state."""
        return self.rule.init(block)

    def goodness(self, a: Tensor) -> Tensor:
        """Goodness `[N]` of activity `[N, ...]`; delegates to the rule."""
        return self.rule.goodness(a)

    def contribution(self, a: Tensor) -> Tensor:
        """Delegates to the rule."""
        return self.rule.contribution(a)

    def gain(self, units: int, images: int) -> float:
        """Delegates to the rule."""
        return self.rule.gain(units, images)

    def weights(self, g: Tensor, units: int) -> Tensor:
        """Delegates to the rule."""
        return self.rule.weights(g, units)

    def direction(self, block: Block, x: Tensor, a: Tensor, g: Tensor, state: Any) -> LocalUpdate:
        """The gradient of the rule's loss; its metrics are those of the rule."""
        parameters = dict(block.layer.named_parameters())
        with torch.enable_grad():
            again = block.activity(x.detach())
            loss = self.rule.loss(self.rule.goodness(again).view(g.shape), again[0].numel())
        grads = torch.autograd.grad(loss, list(parameters.values()))
        return LocalUpdate((dict(zip(parameters, grads, strict=True)),), state, self.metrics(g, a[0].numel()))

    def input_direction(self, block: Block, x: Tensor, a: Tensor, g: Tensor) -> Tensor:
        """The gradient of the rule's loss by the normalised input."""
        x = x.detach().requires_grad_()
        with torch.enable_grad():
            again = block.activity(x)
            loss = self.rule.loss(self.rule.goodness(again).view(g.shape), again[0].numel())
        (direction,) = torch.autograd.grad(loss, x)
        return direction

    def metrics(self, g: Tensor, units: int) -> dict[str, Tensor]:
        """Delegates to the rule."""
        return self.rule.metrics(g, units)
