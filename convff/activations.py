"""What can follow a block's layer instead of ReLU."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from convff.network import LayerLocalNet


def triangle(u: Tensor, power: float = 1.0) -> Tensor:
    """Return `relu(u_k - mean_k' u_k')^power`: how far a channel is above the mean of all channels at its position.

    Args:
        u: `[N, C]` or `[N, C, H, W]`, the output of the layer.
        power: exponent, positive.

    Returns:
        the activity, in the shape and dtype of `u`; the mean is taken in float32 or better.

    Example:
        >>> triangle(torch.tensor([[1.0, 2.0, 6.0]]), power=2.0)
        tensor([[0., 0., 9.]])

    Reference:
        Coates, Ng & Lee 2011, "An Analysis of Single-Layer Networks in Unsupervised Feature Learning" ("triangle"
        K-means); with a power, Journe et al. 2023, "Hebbian Deep Learning Without Feedback" (SoftHebb).
    """
    mean = u.mean(dim=1, keepdim=True, dtype=torch.promote_types(u.dtype, torch.float32)).to(u.dtype)
    if torch.is_grad_enabled():
        above = torch.relu(u - mean)
        return above if power == 1 else above.pow(power)
    above = (u - mean).relu_()
    return above if power == 1 else above.pow_(power)


class Triangle(nn.Module):
    """The activation `triangle` as a module.

    Args:
        power: exponent, positive.

    Raises:
        ValueError: the power is not positive.

    Example:
        >>> Triangle(2.0)(torch.tensor([[1.0, 2.0, 6.0]]))
        tensor([[0., 0., 9.]])
    """

    def __init__(self, power: float = 1.0) -> None:
        super().__init__()
        if not power > 0:
            raise ValueError(f"the power of a triangle activation must be positive, got {power}")
        self.power = power

    def forward(self, u: Tensor) -> Tensor:
        """Return the activity of `[N, C, ...]`."""
        return triangle(u, self.power)

    def extra_repr(self) -> str:
        """Return the settings, for `repr`."""
        return f"power={self.power}"


def refuse_other_activations(net: "LayerLocalNet", rule: str) -> None:
    """Raise unless every block of a network has ReLU, which the closed form of a rule's direction is for.

    Args:
        net: the network.
        rule: name of the rule, for the message.

    Raises:
        ValueError: a block has another activation.
    """
    for block in net:
        if block.activation is not None:
            raise ValueError(f"{rule} is for blocks with ReLU, got {type(block.activation).__name__}")


def refuse_infinite_slopes(net: "LayerLocalNet") -> None:
    """Raise if a gradient through a block would be infinite: the slope of `x^power` at 0, for a power below 1.

    Raises:
        ValueError: a block has such an activation.
    """
    for block in net:
        if isinstance(block.activation, Triangle) and block.activation.power < 1:
            raise ValueError(
                f"no gradient goes through a triangle activation of a power below 1, got {block.activation.power}: "
                "its slope at 0 is infinite"
            )
