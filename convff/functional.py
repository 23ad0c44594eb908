"""The equations of Forward-Forward (FF) and Hebbian Forward-Forward (HebbFF), as pure functions.

A local rule is three of them in a row: *goodness* says how active a layer is, a *gate* turns goodness
into one signed number for each pass (strengthen or weaken), and the *Hebbian outer product* turns
activity and input, weighted by that number, into a direction for the weights.

Legend: B images; P passes of an image, pass 0 with the right label and the rest with wrong ones;
N = B * P; x the layer's normalised input; a = relu(W * x + b) its activity; g goodness; c the gate.

Sources: Hinton 2022, "The Forward-Forward Algorithm"; Krutsylo, "The Hebbian Forward-Forward Algorithm";
Scodellaro et al. 2025, "Training convolutional neural networks with the Forward-Forward algorithm";
Lee & Song 2023, "SymBa"; Dooms et al. 2023, "The Trifecta".
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def _accumulator(a: Tensor) -> torch.dtype:
    """Sums of squares are kept in float32 at least: a layer has 10^5 units, and bfloat16 has 8 bits."""
    return torch.float64 if a.dtype == torch.float64 else torch.float32


CACHED = 2**20  # values whose float32 copy the processor's caches hold


def _length(a: Tensor) -> Tensor:
    """Length of each sample `[N]` of `[N, ...]`."""
    length: Tensor = torch.linalg.vector_norm(a, dim=tuple(range(1, a.ndim)), dtype=_accumulator(a))
    return length


def sum_goodness(a: Tensor) -> Tensor:
    """Sum of squares over a layer, `g = sum_k a_k^2` (Hinton 2022, section 2).

    Args:
        a: activity `[N, ...]`.

    Returns:
        goodness `[N]`, in float32 or better whatever the dtype of `a`.

    Example:
        >>> sum_goodness(torch.tensor([[3.0, 4.0]]))
        tensor([25.])
    """
    if a.device.type == "cpu" and a.dtype != _accumulator(a) and not torch.compiler.is_compiling():
        # A CPU would first make a float32 copy of the whole activity: of a few samples at a time it is a small one.
        parts = a.split(max(1, CACHED // a[0].numel()))
        return torch.cat([_length(part) for part in parts]).square()
    return _length(a).square()


def mean_goodness(a: Tensor) -> Tensor:
    """Mean of squares over a layer, `g = 1/n sum_k a_k^2` (HebbFF, equation 1).

    Args:
        a: activity `[N, ...]`.

    Returns:
        goodness `[N]`, in float32 or better whatever the dtype of `a`.

    Example:
        >>> mean_goodness(torch.tensor([[3.0, 4.0]]))
        tensor([12.5000])
    """
    return sum_goodness(a) / a[0].numel()


def length_normalise(x: Tensor, eps: float = 1e-8) -> Tensor:
    """Divide each sample by its root mean square, `x / sqrt(mean_i x_i^2)` (Scodellaro et al. 2025, Methods).

    The next layer sees the pattern of the activity and not its length, which is the goodness. No mean is subtracted.

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
    """Gate against a fixed threshold: `c+ = sigma(s (theta - g+))`, `c- = -sigma(s (g- - theta)) / (P - 1)`.

    With mean goodness and s = 1 this is HebbFF's equation 2; with sum goodness, s = 1 and theta = the
    number of units it is the gradient of Hinton's loss. Several wrong labels share the weight of one.

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
    """Gate on the difference of two passes of one image: `c+ = sigma(-s (g+ - g-)) = -c-`.

    The gradient of SymBa's loss `softplus(-s (g+ - g-))` (Lee & Song 2023; s = 4 in the Trifecta). No threshold.
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
    """Gate of the cross-entropy over the passes: `c = onehot(right) - softmax(s g)`.

    The symmetric gate where there is one wrong label; with several, the wrong labels that come closest weigh most.

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
    """The loss `[B]` whose negative derivative by g is `s * threshold_gate`: softplus(s (theta - g+)) + mean softplus(s (g- - theta))."""  # noqa: E501
    return F.softplus(scale * (theta - g[:, 0])) + F.softplus(scale * (g[:, 1:] - theta)).mean(dim=1)


def symmetric_loss(g: Tensor, *, scale: float) -> Tensor:
    """The loss `[B]` whose negative derivative by g is `s * symmetric_gate`: mean over wrong labels of softplus(-s (g+ - g-))."""  # noqa: E501
    return F.softplus(scale * (g[:, 1:] - g[:, :1])).mean(dim=1)


def softmax_loss(g: Tensor, *, scale: float) -> Tensor:
    """The loss `[B]` whose negative derivative by g is `s * softmax_gate`: -log softmax(s g)[right]."""
    return -torch.log_softmax(scale * g, dim=1)[:, 0]


def hebbian_outer_linear(x: Tensor, a: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
    """Gated Hebbian outer product of a dense layer: `dW = sum_n c_n a_n x_n^T`, `db = sum_n c_n a_n` (HebbFF, equations 3 and 4).

    Args:
        x: normalised input `[N, I]`.
        a: activity `[N, O]`.
        c: gate `[N]`, positive to strengthen and negative to weaken.

    Returns:
        directions for the weight `[O, I]` and the bias `[O]`, in the dtype of `a`.

    Example:
        >>> hebbian_outer_linear(torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0]]), torch.tensor([0.5]))
        (tensor([[1.5000, 3.0000]]), tensor([1.5000]))
    """  # noqa: E501
    gated = a * c.to(a.dtype)[:, None]
    return gated.T @ x.to(a.dtype), gated.sum(dim=0)


def hebbian_step_linear_(layer: nn.Linear, x: Tensor, a: Tensor, c: Tensor, lr: float) -> None:
    """The plain step of a dense layer in place: `W += lr sum_n c_n a_n x_n^T`, `b += lr sum_n c_n a_n`.

    The outer product is added to the weights as it is computed, or in pieces of at most `CACHED` values where the
    activity is in another precision than the weights: no direction of the size of the weights is ever held.

    Args:
        layer: the layer; its parameters change.
        x: normalised input `[N, I]`.
        a: activity `[N, O]`.
        c: gate `[N]`, positive to strengthen and negative to weaken.
        lr: learning rate eta.

    Example:
        >>> layer = nn.Linear(2, 1)
        >>> _ = nn.init.zeros_(layer.weight)
        >>> x, a = torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0]])
        >>> with torch.no_grad():
        ...     hebbian_step_linear_(layer, x, a, torch.tensor([0.5]), lr=0.1)
        >>> layer.weight.data
        tensor([[0.1500, 0.3000]])
    """
    gated, x = a * c.to(a.dtype)[:, None], x.to(a.dtype)
    if a.dtype == layer.weight.dtype:
        layer.weight.addmm_(gated.T, x, alpha=lr)
    else:  # a product in bfloat16 cannot be added to float32 weights as it is computed: a few units at a time
        units = max(1, CACHED // x.shape[1])
        for weight, part in zip(layer.weight.split(units), gated.split(units, dim=1), strict=True):
            weight.add_(part.T @ x, alpha=lr)
    if layer.bias is not None:
        layer.bias.add_(gated.sum(dim=0), alpha=lr)


def hebbian_outer_conv2d(x: Tensor, a: Tensor, c: Tensor, layer: nn.Conv2d) -> tuple[Tensor, Tensor]:
    """Gated Hebbian outer product of a convolution, summed over the positions that share the weights.

    `dW[o, i, u, v] = sum_n c_n sum_hw a[n, o, h, w] x[n, i, h + u, w + v]`: equations 3 and 4 of HebbFF with each
    position of the filter taken as a dense layer. That is the weight-gradient of a convolution with `c * a` in the
    place of the error, so one library call does it, and no graph is built.

    Args:
        x: normalised input `[N, I, H, W]`.
        a: activity `[N, O, H', W']`.
        c: gate `[N]`.
        layer: the convolution, for its kernel size, stride, padding, dilation and groups.

    Returns:
        directions for the weight `[O, I/groups, kh, kw]` and the bias `[O]`, in the dtype of `a`.

    Example:
        >>> layer = nn.Conv2d(1, 1, 1)
        >>> x, a = torch.full((1, 1, 2, 2), 2.0), torch.full((1, 1, 2, 2), 3.0)
        >>> weight, bias = hebbian_outer_conv2d(x, a, torch.tensor([0.5]), layer)
        >>> weight.item(), bias.item()
        (12.0, 6.0)
    """
    _, weight, bias = _gated_backward(x, a, c, layer, wanted=[False, True, True])
    return weight, bias


def _gated_backward(
    x: Tensor, a: Tensor, c: Tensor, layer: nn.Conv2d, *, wanted: list[bool]
) -> tuple[Tensor, Tensor, Tensor]:
    """A convolution's gradients by input, weight and bias, those that are wanted, with `c * a` as the error."""
    gradients: tuple[Tensor, Tensor, Tensor] = torch.ops.aten.convolution_backward(
        a * c.to(a.dtype).view(-1, 1, 1, 1),
        x.to(a.dtype),
        layer.weight.to(a.dtype),
        bias_sizes=[a.shape[1]],
        stride=layer.stride,
        padding=layer.padding,
        dilation=layer.dilation,
        transposed=False,
        output_padding=[0, 0],
        groups=layer.groups,
        output_mask=wanted,
    )
    return gradients


def hebbian_input(x: Tensor, a: Tensor, c: Tensor, layer: nn.Linear | nn.Conv2d) -> Tensor:
    """What the gated Hebbian outer product is to the weights, for the input: `dx_n = c_n W^T a_n`.

    With ReLU, goodness (the sum of squares) has the derivative `2 a x^T` by the weights and `2 W^T a` by the input, so
    both directions go up the same hill. For a convolution this is the input-gradient, with `c * a` in the place of the
    error.

    Args:
        x: normalised input `[N, I]` or `[N, I, H, W]`; only its shape matters.
        a: activity `[N, O]` or `[N, O, H', W']`.
        c: gate `[N]`.
        layer: the layer.

    Returns:
        direction of the shape of x, in the dtype of `a`.

    Example:
        >>> layer = nn.Linear(2, 1)
        >>> _ = layer.weight.data.copy_(torch.tensor([[1.0, 2.0]]))
        >>> hebbian_input(torch.zeros(1, 2), torch.tensor([[3.0]]), torch.tensor([0.5]), layer).detach()
        tensor([[1.5000, 3.0000]])
    """
    if isinstance(layer, nn.Conv2d):
        return _gated_backward(x, a, c, layer, wanted=[True, False, False])[0]
    return (a * c.to(a.dtype)[:, None]) @ layer.weight.to(a.dtype)


def hebbian_outer(x: Tensor, a: Tensor, c: Tensor, layer: nn.Linear | nn.Conv2d) -> tuple[Tensor, Tensor]:
    """The gated Hebbian outer product of either kind of layer: see the two functions above."""
    if isinstance(layer, nn.Conv2d):
        return hebbian_outer_conv2d(x, a, c, layer)
    return hebbian_outer_linear(x, a, c)
