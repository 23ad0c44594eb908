"""The equations of the stabilisers, as pure functions.

Legend as in `convff.functional`: N passes; K units of a dense layer, or filters of a convolution; x input, a activity,
c the signed weight of a pass (or of a unit in a pass); w_k the weights of unit k. A convolution is one dense layer
per position, with shared weights, so its sums and means also run over the positions.

Sources: Oja 1982, "A simplified neuron model as a principal component analyzer"; Bienenstock, Cooper & Munro 1982,
"Theory for the development of neuron selectivity"; Intrator & Cooper 1992, "Objective function formulation of the BCM
theory"; von der Malsburg 1973, "Self-organization of orientation sensitive cells in the striate cortex"; Miller &
MacKay 1994, "The role of constraints in Hebbian learning"; Hinton 2022, "The Forward-Forward Algorithm".
"""

import torch
from torch import Tensor

from convff.functional import channel_squares
from convff.units import per_unit


def oja_forgetting(a: Tensor, c: Tensor) -> Tensor:
    """Return how fast each unit forgets its weights, `r_k = sum_n |c_n| a_nk^2` (Oja 1982, the second term).

    Oja's rule is `dw_k = sum_n c_n (a_nk x_n - a_nk^2 w_k)` for passes that are all strengthened. Weakening must not
    become remembering, hence the absolute value (ours).

    Args:
        a: activity `[N, K]` or `[N, K, H, W]`.
        c: weight of each pass `[N]`, or of each pass and unit `[N, K]` or `[N, K, 1, 1]`.

    Returns:
        rates `[K]`, at least 0, in float32 or better.

    Example:
        >>> oja_forgetting(torch.tensor([[3.0], [4.0]]), torch.tensor([1.0, -0.5]))
        tensor([17.])
    """
    return (channel_squares(a) * c.abs().view(len(c), -1)).sum(dim=0)


def sliding_threshold(a: Tensor, theta: Tensor, momentum: float) -> Tensor:
    """Return the running mean of each unit's squared activity, `theta_k <- tau theta_k + (1 - tau) mean a_k^2`.

    Its expectation is the `theta = E[a^2]` of Intrator & Cooper 1992.

    Args:
        a: activity `[N, K]` or `[N, K, H, W]`.
        theta: the previous threshold `[K]`; NaN before the first batch, whose mean is then returned.
        momentum: tau in [0, 1).

    Returns:
        thresholds `[K]` of the dtype of `theta`.

    Example:
        >>> first = sliding_threshold(torch.tensor([[3.0], [1.0]]), torch.tensor([torch.nan]), 0.5)
        >>> first, sliding_threshold(torch.tensor([[1.0]]), first, 0.5)
        (tensor([5.]), tensor([3.]))
    """
    mean = (channel_squares(a).sum(dim=0) / (a.numel() // a.shape[1])).to(theta.dtype)
    return torch.where(theta.isnan(), mean, momentum * theta + (1 - momentum) * mean)


def bcm_response(a: Tensor, theta: Tensor) -> Tensor:
    """Return BCM's response, `a_k (a_k - theta_k)`, which replaces the activity: units unlearn below their threshold.

    It is the modification function of Bienenstock, Cooper & Munro 1982, quadratic as in Intrator & Cooper 1992.

    Args:
        a: activity `[N, K]` or `[N, K, H, W]`.
        theta: thresholds `[K]`.

    Returns:
        of the shape and dtype of `a`.

    Example:
        >>> bcm_response(torch.tensor([[3.0, 1.0]]), torch.tensor([2.0, 2.0]))
        tensor([[ 3., -1.]])
    """
    return a * (a - per_unit(theta.to(a.dtype), a[0]))


def rescaling(length: Tensor, wanted: Tensor, strength: float) -> Tensor:
    """Return the factor that takes a length to the wanted one, `(wanted / length)^strength`; 1 if the length is 0.

    Multiplicative normalisation (von der Malsburg 1973; Miller & MacKay 1994), here of the Euclidean length.

    Args:
        length: current lengths `[K]`.
        wanted: wanted lengths `[K]`.
        strength: the share of the way, in [0, 1], on the scale of logarithms.

    Returns:
        factors `[K]`.

    Example:
        >>> rescaling(torch.tensor([4.0, 0.0]), torch.tensor([1.0, 1.0]), 0.5)
        tensor([0.5000, 1.0000])
    """
    return torch.where(length > 0, wanted / length, 1.0) ** strength


def running_activity(a: Tensor, means: Tensor, momentum: float) -> Tensor:
    """Return the running mean of each unit's activity, `m_k <- tau m_k + (1 - tau) mean a_k` (Hinton 2022).

    Args:
        a: activity of right passes, `[B, K]` or `[B, K, H, W]`.
        means: the previous means `[K]`.
        momentum: tau in [0, 1).

    Returns:
        means `[K]` of the dtype of `means`.

    Example:
        >>> running_activity(torch.tensor([[3.0], [1.0]]), torch.tensor([4.0]), 0.5)
        tensor([3.])
    """
    mean = a.mean(dim=(0, *range(2, a.ndim)), dtype=means.dtype)
    return momentum * means + (1 - momentum) * mean


def peer_push(means: Tensor) -> Tensor:
    """Return how much less active than its peers each unit is, `mean_j m_j - m_k`: `[K]` for means `[K]`.

    Example:
        >>> peer_push(torch.tensor([0.0, 1.0, 2.0]))
        tensor([ 1.,  0., -1.])
    """
    return means.mean() - means
