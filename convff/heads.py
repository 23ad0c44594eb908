"""Heads that are trained with a network: from the last block's activity to class scores."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import skip_init

from convff.dropout import check_share, dropout
from convff.network import LayerLocalNet
from convff.randomness import keyed_generator


class Head(nn.Module):
    """A classifier on a map averaged to a grid: flatten, perhaps a hidden layer, dropout, and a linear layer.

    `[N, C, H, W]` -> (batch norm of channels) -> `[N, C grid grid]` -> (linear, ReLU, batch norm) -> dropout -> linear.
    Everything is in the precision of the head's parameters. Dense activity `[N, C]` counts as a map of one position.

    Args:
        channels: channels (or units) C of the last block.
        num_classes: number of classes K.
        grid: maps are averaged to `grid x grid` regions; a map must have at least as many positions each way.
        hidden: units of the hidden layer; 0 for none.
        norm: normalise the channels of the activity, by batch norm without scale and shift.
        dropout: share of the inputs of the last layer that are dropped in training, in [0, 1).
        generator: draws the initial weights, uniform within `1 / sqrt(inputs)`.

    Raises:
        ValueError: a number out of its range; in the forward pass, a map that is smaller than the grid.

    Example:
        >>> head = Head(8, 3, grid=2, hidden=16, dropout=0.5, generator=torch.Generator())
        >>> head(torch.rand(5, 8, 4, 4)).shape
        torch.Size([5, 3])
    """

    def __init__(
        self,
        channels: int,
        num_classes: int,
        *,
        grid: int = 1,
        hidden: int = 0,
        norm: bool = False,
        dropout: float = 0.0,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        check_share(dropout)
        if grid < 1 or hidden < 0:
            raise ValueError(f"a head's grid must be at least 1 and hidden at least 0, got {grid} and {hidden}")
        self.grid, self.dropout = grid, dropout
        inputs = channels * grid * grid
        self.norm = nn.BatchNorm2d(channels, affine=False) if norm else None
        self.hidden = _linear(inputs, hidden, generator) if hidden else None
        self.hidden_norm = nn.BatchNorm1d(hidden) if hidden else None
        self.linear = _linear(hidden or inputs, num_classes, generator)

    @property
    def is_linear(self) -> bool:
        """Whether the scores are a linear function of the activity."""
        return self.norm is None and self.hidden is None

    def forward(self, activity: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Return scores `[N, K]` of an activity `[N, C, H, W]` or `[N, C]`.

        Args:
            activity: of the last block.
            generator: draws what is dropped; None drops nothing.
        """
        a = activity.to(self.linear.weight.dtype)
        a = a[:, :, None, None] if a.ndim == 2 else a
        if self.grid > min(a.shape[2:]):
            raise ValueError(f"a head's grid of {self.grid} needs larger maps than {a.shape[2]} x {a.shape[3]}")
        if self.norm is not None:
            a = self.norm(a)
        x = F.adaptive_avg_pool2d(a, self.grid).flatten(1)
        if self.hidden is not None and self.hidden_norm is not None:
            x = self.hidden_norm(torch.relu(self.hidden(x)))
        if generator is not None and self.dropout:
            x = dropout(x, self.dropout, generator)
        scores: Tensor = self.linear(x)
        return scores


def average_head(net: LayerLocalNet, num_classes: int) -> nn.Linear:
    """Return a linear head on the average of a network's last map, which starts at zero.

    Example:
        >>> from convff import cnn3
        >>> average_head(cnn3((1, 8, 8), width=4), 3).weight.shape
        torch.Size([3, 4])
    """
    last = list(net)[-1].layer
    # Skip the usual initialisation, which draws from global randomness.
    head: nn.Linear = skip_init(nn.Linear, len(last.weight), num_classes, device=last.weight.device)
    nn.init.zeros_(head.weight)
    nn.init.zeros_(head.bias)
    return head


def head_on_grid(
    net: LayerLocalNet, num_classes: int, *, grid: int, hidden: int, norm: bool, dropout: float, seed: int
) -> Head:
    """Return a `Head` for the last block of a network, on its device.

    Args:
        net: the network.
        num_classes: number of classes.
        grid: see `Head`.
        hidden: see `Head`.
        norm: see `Head`.
        dropout: see `Head`.
        seed: key of the initial weights.

    Example:
        >>> from convff import cnn3
        >>> net = cnn3((1, 8, 8), width=4)
        >>> head_on_grid(net, 3, grid=2, hidden=0, norm=False, dropout=0.5, seed=0).linear.in_features
        16
    """
    weight = list(net)[-1].layer.weight
    generator = keyed_generator(seed, "head")
    head = Head(len(weight), num_classes, grid=grid, hidden=hidden, norm=norm, dropout=dropout, generator=generator)
    return head.to(weight.device)


def _linear(inputs: int, outputs: int, generator: torch.Generator) -> nn.Linear:
    """Return a linear layer with PyTorch's usual initial weights, drawn from a generator."""
    linear: nn.Linear = skip_init(nn.Linear, inputs, outputs)
    bound = inputs**-0.5
    with torch.no_grad():
        for parameter in (linear.weight, linear.bias):
            parameter.uniform_(-bound, bound, generator=generator)
    return linear
