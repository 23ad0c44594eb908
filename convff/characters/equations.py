"""The equations of Forward-Forward on characters, as pure functions.

Legend: p = sigma(g - N) is the probability that a window is of real text, by the goodness g of a layer of N units.
"""

import torch
from torch import Tensor

from convff.outer import gated


def gate(g: Tensor, theta: float, *, real: bool) -> Tensor:
    """Return the gate of windows of one kind: `c = 1 - p` of real text, `c = -p` of any other, `p = sigma(g - theta)`.

    These are the two columns of `convff.functional.threshold_gate`, for windows that do not come in pairs.

    Args:
        g: goodness `[B]`.
        theta: the threshold, the number of units for the sum of squares.
        real: whether the windows are of real text.

    Example:
        >>> gate(torch.tensor([2.0]), 2.0, real=True), gate(torch.tensor([2.0]), 2.0, real=False)
        (tensor([0.5000]), tensor([-0.5000]))
    """
    return torch.sigmoid(theta - g) if real else -torch.sigmoid(g - theta)


def layer_post(a: Tensor, c: Tensor, windows: int) -> Tensor:
    """Return `post`, for which `sum post (x) x` is the gradient of a layer's loss: `-2 c a / windows`.

    The loss is the mean over all windows of one kind of `softplus(N - g)` (real) or `softplus(g - N)` (any other), and
    `dg/dW = 2 a (x) x`. It is twice the direction of Hinton's code, as everywhere in this package.

    Args:
        a: activity of a chunk `[B, N]`.
        c: gate `[B]`.
        windows: number of windows of that kind in the whole text.

    Example:
        >>> layer_post(torch.tensor([[3.0]]), torch.tensor([0.5]), windows=10)
        tensor([[-0.3000]])
    """
    return gated(a, c * (-2 / windows))
