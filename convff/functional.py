"""The equations of Forward-Forward (FF) and Hebbian Forward-Forward (HebbFF), as pure functions.

A local rule is three of them in a row: *goodness* says how active a layer is, a *gate* turns goodness
into one signed number for each pass (strengthen or weaken), and the *Hebbian outer product*
(`convff.outer`) turns activity and input, weighted by that number, into a direction for the weights.

Legend: B images; P passes of an image, pass 0 with the right label and the rest with wrong ones;
N = B * P; x the layer's normalised input; a = relu(W * x + b) its activity; g goodness; c the gate.

Sources: Hinton 2022, "The Forward-Forward Algorithm"; Krutsylo, "The Hebbian Forward-Forward Algorithm";
Scodellaro et al. 2025, "Training convolutional neural networks with the Forward-Forward algorithm";
Papachristodoulou et al. 2024, "Convolutional Channel-wise Competitive Learning for the Forward-Forward Algorithm";
Lee & Song 2023, "SymBa"; Dooms et al. 2023, "The Trifecta".
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from convff.outer import CACHED


def _accumulator(a: Tensor) -> torch.dtype:
    """Return the dtype of sums of squares, at least float32: a layer has 10^5 units, and bfloat16 has 8 bits."""
    return torch.float64 if a.dtype == torch.float64 else torch.float32


def _length(a: Tensor) -> Tensor:
    """Return the length of each sample, `[N]`, of `[N, ...]`."""
    length: Tensor = torch.linalg.vector_norm(a, dim=tuple(range(1, a.ndim)), dtype=_accumulator(a))
    return length


def sum_goodness(a: Tensor) -> Tensor:
    """Return the sum of squares over a layer, `g = sum_k a_k^2` (Hinton 2022, section 2).

    Args:
        a: activity `[N, ...]`.

    Returns:
        goodness `[N]`, in float32 or better whatever the dtype of `a`.

    Example:
        >>> sum_goodness(torch.tensor([[3.0, 4.0]]))
        tensor([25.])
    """
    if a.device.type == "cpu" and a.dtype != _accumulator(a) and not torch.compiler.is_compiling():
        # A CPU first makes a float32 copy of the activity: a few samples at a time keep it small.
        parts = a.split(max(1, CACHED // a[0].numel()))
        return torch.cat([_length(part) for part in parts]).square()
    return _length(a).square()


def mean_goodness(a: Tensor) -> Tensor:
    """Return the mean of squares over a layer, `g = 1/n sum_k a_k^2` (HebbFF, equation 1).

    Args:
        a: activity `[N, ...]`.

    Returns:
        goodness `[N]`, in float32 or better whatever the dtype of `a`.

    Example:
        >>> mean_goodness(torch.tensor([[3.0, 4.0]]))
        tensor([12.5000])
    """
    return sum_goodness(a) / a[0].numel()


def mean_activity(a: Tensor) -> Tensor:
    """Return the mean activity over a layer, `g = 1/n sum_k a_k` (DeeperForward, instead of squares).

    Args:
        a: activity `[N, ...]`.

    Returns:
        goodness `[N]`, in float32 or better whatever the dtype of `a`.

    Example:
        >>> mean_activity(torch.tensor([[3.0, 4.0]]))
        tensor([3.5000])
    """
    return a.flatten(1).mean(dim=1, dtype=_accumulator(a))


def channel_squares(a: Tensor) -> Tensor:
    """Return the squared activity of each unit or channel, summed over positions, `q_nc = sum_hw a_nchw^2`.

    Args:
        a: activity `[N, C]` or `[N, C, H, W]`.

    Returns:
        `[N, C]`, in float32 or better whatever the dtype of `a`.

    Example:
        >>> channel_squares(torch.tensor([[3.0, 4.0]]))
        tensor([[ 9., 16.]])
    """
    if a.ndim == 2:
        return _squares(a)
    if a.device.type == "cpu" and not torch.compiler.is_compiling():
        # As in `sum_goodness`: the squares of a few samples at a time fit in a processor's cache.
        parts = a.split(max(1, CACHED // a[0].numel()))
        return torch.cat([_squares(part).sum(dim=(2, 3)) for part in parts])
    return _squares(a).sum(dim=(2, 3))


def _squares(a: Tensor) -> Tensor:
    return a.to(_accumulator(a)).square()


def group_goodness(a: Tensor, groups: int, reduction: str = "mean") -> Tensor:
    """Return the goodness of each group of channels, `g_nk = 1/m sum_(c in k) sum_hw a_nchw^2` (CwComp, section 3).

    Group k is the k-th of `groups` equal parts of the channels, in their order.

    Args:
        a: activity `[N, C]` or `[N, C, H, W]`; `groups` divides C.
        groups: number of groups K, one per class.
        reduction: "mean", with m the number of units of a group, or "sum", with m = 1; "activity" is the mean of the
            activity instead of its squares (DeeperForward).

    Returns:
        `[N, K]`, in float32 or better whatever the dtype of `a`.

    Example:
        >>> group_goodness(torch.tensor([[3.0, 4.0, 1.0, 0.0]]), groups=2)
        tensor([[12.5000,  0.5000]])
    """
    if reduction == "activity":
        means: Tensor = a.unflatten(1, (groups, -1)).flatten(2).mean(dim=2, dtype=_accumulator(a))
        return means
    sums: Tensor = channel_squares(a).unflatten(1, (groups, -1)).sum(dim=2)
    return sums / (a[0].numel() // groups) if reduction == "mean" else sums


def length_normalise(x: Tensor, eps: float = 1e-8) -> Tensor:
    """Divide each sample by its root mean square, `x / sqrt(mean_i x_i^2)` (Scodellaro et al. 2025, Methods).

    The next layer sees the pattern of the activity but not its length, which is the goodness. No mean is subtracted.

    Args:
        x: activity `[N, ...]`.
        eps: added to the mean square, so that a silent layer stays silent instead of becoming NaN.

    Returns:
        `[N, ...]` of the dtype of `x`, each sample with mean square 1.

    Example:
        >>> length_normalise(torch.tensor([[3.0, 4.0]])).square().mean()
        tensor(1.)
    """
    scale = torch.rsqrt(mean_goodness(x) + eps).to(x.dtype)
    return x * scale.view(-1, *[1] * (x.ndim - 1))


def threshold_gate(g: Tensor, *, theta: float, scale: float = 1.0) -> Tensor:
    """Return the gate against a fixed threshold: `c+ = sigma(s (theta - g+))`, `c- = -sigma(s (g- - theta)) / (P - 1)`.

    With mean goodness and s = 1 this is HebbFF's equation 2; with sum goodness, s = 1 and theta = the
    number of units it is the negative gradient of Hinton's loss. Several wrong labels share the weight of one.

    Args:
        g: goodness `[B, P]`, pass 0 with the right label.
        theta: the goodness that separates right from wrong.
        scale: steepness s.

    Returns:
        gate `[B, P]`, positive for pass 0 and negative for the others.

    Example:
        >>> threshold_gate(torch.tensor([[2.0, 2.0]]), theta=2.0)
        tensor([[ 0.5000, -0.5000]])
    """
    right = torch.sigmoid(scale * (theta - g[:, :1]))
    wrong = torch.sigmoid(scale * (g[:, 1:] - theta)) / (g.shape[1] - 1)
    return torch.cat([right, -wrong], dim=1)


def symmetric_gate(g: Tensor, *, scale: float) -> Tensor:
    """Return the gate on the difference of two passes of one image: `c+ = sigma(-s (g+ - g-)) = -c-`.

    It belongs to SymBa's loss `softplus(-s (g+ - g-))` (Lee & Song 2023; s = 4 in the Trifecta). No threshold.
    With several wrong labels the loss is the mean over the pairs (right, wrong).

    Args:
        g: goodness `[B, P]`, pass 0 with the right label.
        scale: steepness s.

    Returns:
        gate `[B, P]`; each row sums to 0.

    Example:
        >>> symmetric_gate(torch.tensor([[2.0, 2.0]]), scale=4.0)
        tensor([[ 0.5000, -0.5000]])
    """
    pairs = torch.sigmoid(scale * (g[:, 1:] - g[:, :1])) / (g.shape[1] - 1)
    return torch.cat([pairs.sum(dim=1, keepdim=True), -pairs], dim=1)


def softmax_gate(g: Tensor, *, scale: float) -> Tensor:
    """Return the gate of the cross-entropy over the passes: `c = onehot(right) - softmax(s g)`.

    With one wrong label it is the symmetric gate; with several, the wrong labels that come closest weigh most.

    Args:
        g: goodness `[B, P]`, pass 0 with the right label.
        scale: inverse temperature s.

    Returns:
        gate `[B, P]`; each row sums to 0.

    Example:
        >>> softmax_gate(torch.tensor([[2.0, 2.0, 2.0, 2.0]]), scale=1.0)
        tensor([[ 0.7500, -0.2500, -0.2500, -0.2500]])
    """
    gate = -torch.softmax(scale * g, dim=1)
    gate[:, 0] += 1
    return gate


def threshold_loss(g: Tensor, *, theta: float, scale: float = 1.0) -> Tensor:
    """Return `softplus(s (theta - g+)) + mean softplus(s (g- - theta))`, `[B]`; `-d/dg` is `s * threshold_gate`."""
    return F.softplus(scale * (theta - g[:, 0])) + F.softplus(scale * (g[:, 1:] - theta)).mean(dim=1)


def symmetric_loss(g: Tensor, *, scale: float) -> Tensor:
    """Return the mean over wrong labels of `softplus(-s (g+ - g-))`, `[B]`; `-d/dg` is `s * symmetric_gate`."""
    return F.softplus(scale * (g[:, 1:] - g[:, :1])).mean(dim=1)


def softmax_loss(g: Tensor, *, scale: float) -> Tensor:
    """Return `-log softmax(s g)[right]`, `[B]`; `-d/dg` is `s * softmax_gate`."""
    return -torch.log_softmax(scale * g, dim=1)[:, 0]


GOODNESS: dict[str, Callable[[Tensor], Tensor]] = {
    "mean": mean_goodness,
    "sum": sum_goodness,
    "activity": mean_activity,
}
