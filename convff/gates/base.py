"""Protocol of a gate."""

from typing import Protocol

from torch import Tensor


class Gate(Protocol):
    """Maps the goodness `[B, M]` of M tries per image, right label first, to one signed number per try.

    A try is a pass with a label, or a group of channels that stands for a class; see `convff.places`.
    """

    @property
    def scale(self) -> float:
        """Steepness s."""
        ...

    def __call__(self, g: Tensor, unit_goodness: float) -> Tensor:
        """Return the gate `[B, M]`; `unit_goodness` is that of n units that are all 1: n for sums, 1 for means."""
        ...

    def loss(self, g: Tensor, unit_goodness: float) -> Tensor:
        """Return the loss `[B]` whose negative derivative by `g` is `scale` times the gate."""
        ...

    def discriminates(self, g: Tensor, unit_goodness: float) -> Tensor:
        """Return 1 for each right decision of the layer and 0 for each wrong one: float `[B, decisions]`."""
        ...


def right_over_wrong(g: Tensor) -> Tensor:
    """Return 1 where the right label has more goodness than a wrong one: float `[B, M - 1]`.

    It is the decision of gates without a threshold.

    Example:
        >>> import torch
        >>> right_over_wrong(torch.tensor([[2.0, 1.0, 3.0]]))
        tensor([[1., 0.]])
    """
    return (g[:, :1] > g[:, 1:]).float()
