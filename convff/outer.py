"""The gated Hebbian outer product: a direction as two factors, and the functions that multiply them.

`dW = sum_n post_n (x) x_n` with `post = c * a` (HebbFF, equations 3 and 4): x is a layer's normalised input, a its
activity and c the gate. The factors have the size of the activity, the direction that of the weights. It stays in two
factors until an optimiser, or a sum over processes, needs the dense tensors. Plain gradient descent never does.

Legend as in `convff.functional`.
"""

from functools import reduce
from typing import NamedTuple

import torch
from torch import Tensor, nn

from convff.local_linear import Layer, LocalLinear, input_local, outer_local
from convff.planar import WithPlanes
from convff.planes import plane_direction, run_sums

CACHED = 2**20  # number of values whose float32 copy fits in the processor's caches


def gated(a: Tensor, c: Tensor) -> Tensor:
    """Return `post = c * a`: the activity weighted by the gate, in the dtype of the activity.

    Args:
        a: activity `[N, ...]`.
        c: gate `[N]`, one number per pass, or of any shape that broadcasts against the activity.

    Example:
        >>> gated(torch.tensor([[3.0, 4.0]]), torch.tensor([0.5]))
        tensor([[1.5000, 2.0000]])
    """
    c = c.to(a.dtype)
    return a * (c.view(-1, *[1] * (a.ndim - 1)) if c.ndim == 1 else c)


class Outer(NamedTuple):
    """The direction `sum_n post_n (x) x_n` of a layer's weight and `sum_n post_n` of its bias, as two factors.

    Args:
        x: normalised input `[N, I]` or `[N, I, H, W]`.
        post: gated activity `[N, O]` or `[N, O, H', W']`.

    Example:
        >>> direction = Outer(torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0]]))
        >>> direction.dense(nn.Linear(2, 1))
        {'weight': tensor([[3., 6.]]), 'bias': tensor([3.])}
    """

    x: Tensor
    post: Tensor

    def dense(self, layer: Layer) -> dict[str, Tensor]:
        """Return the dense direction by parameter name, in the dtype of the layer's parameters."""
        weight, bias = outer_product(self.x, self.post, layer)
        whole = {"weight": weight.to(layer.weight.dtype)}
        if layer.bias is not None:
            whole["bias"] = bias.to(layer.bias.dtype)
        return whole

    def add_to_(self, layer: nn.Linear, rate: float) -> None:
        """Add `rate` times the direction to a dense layer in place; see `add_outer_linear_`."""
        add_outer_linear_(layer, self.x, self.post, rate)


def outer_linear(x: Tensor, post: Tensor) -> tuple[Tensor, Tensor]:
    """Return the outer product of a dense layer: `dW = sum_n post_n x_n^T`, `db = sum_n post_n` (HebbFF, eq. 3 and 4).

    Args:
        x: normalised input `[N, I]`.
        post: gated activity `[N, O]`.

    Returns:
        directions for the weight `[O, I]` and the bias `[O]`, in the dtype of `post`.

    Example:
        >>> outer_linear(torch.tensor([[1.0, 2.0]]), torch.tensor([[1.5]]))
        (tensor([[1.5000, 3.0000]]), tensor([1.5000]))
    """
    return post.T @ x.to(post.dtype), post.sum(dim=0)


def outer_conv2d(x: Tensor, post: Tensor, layer: nn.Conv2d) -> tuple[Tensor, Tensor]:
    """Return the outer product of a convolution, summed over the positions that share the weights.

    `dW[o, i, u, v] = sum_n sum_hw post[n, o, h, w] x[n, i, h + u, w + v]`: equations 3 and 4 of HebbFF with each
    position of the filter taken as a dense layer. This is the weight gradient of a convolution with `post` instead of
    the error, so one library call computes it, and no graph is built.

    Args:
        x: normalised input `[N, I, H, W]`.
        post: gated activity `[N, O, H', W']`.
        layer: the convolution, for its kernel size, stride, padding, dilation and groups.

    Returns:
        directions for the weight `[O, I/groups, kh, kw]` and the bias `[O]`, in the dtype of `post`.

    Example:
        >>> layer = nn.Conv2d(1, 1, 1)
        >>> weight, bias = outer_conv2d(torch.full((1, 1, 2, 2), 2.0), torch.full((1, 1, 2, 2), 1.5), layer)
        >>> weight.item(), bias.item()
        (12.0, 6.0)
    """
    if isinstance(x, WithPlanes) and layer.groups == 1:
        return _outer_with_planes(x, post, layer)
    _, weight, bias = _convolution_backward(x, post, layer, wanted=[False, True, True])
    return weight, bias


def outer_weight(x: Tensor, post: Tensor, layer: Layer) -> Tensor:
    """Return the outer product for the weight alone; see `outer_product`.

    Example:
        >>> outer_weight(torch.tensor([[1.0, 2.0]]), torch.tensor([[1.5]]), nn.Linear(2, 1))
        tensor([[1.5000, 3.0000]])
    """
    if isinstance(layer, nn.Conv2d):
        return _convolution_backward(x, post, layer, wanted=[False, True, False])[1]
    return outer_product(x, post, layer)[0]


def _outer_with_planes(x: WithPlanes, post: Tensor, layer: nn.Conv2d) -> tuple[Tensor, Tensor]:
    """Return the outer product for images with planes beside them; see `convff.planes`."""
    geometry = x.geometry(layer.kernel_size, layer.stride, layer.padding, layer.dilation)
    with torch.autocast(post.device.type, enabled=False):
        sums = run_sums(post, geometry)
        of_planes, bias = plane_direction(x.plane_values, sums, geometry), sums.sum(dim=(0, 1, 2))
    # Rows that share an image have one outer product, with the sum of their activities.
    summed = reduce(torch.add, post.unflatten(0, (len(x.images), -1)).unbind(1))
    _, of_images, _ = _convolution_backward(x.images, summed, layer, wanted=[False, True, False])
    return torch.cat([of_images, of_planes.to(of_images.dtype)], dim=1), bias.to(of_images.dtype)


def outer_product(x: Tensor, post: Tensor, layer: Layer) -> tuple[Tensor, Tensor]:
    """Return the outer product of any layer; see `outer_linear`, `outer_conv2d` and `outer_local`."""
    if isinstance(layer, nn.Conv2d):
        return outer_conv2d(x, post, layer)
    if isinstance(layer, LocalLinear):
        return outer_local(x, post, layer)
    return outer_linear(x, post)


def input_product(x: Tensor, post: Tensor, layer: Layer) -> Tensor:
    """Return the direction for the input, `dx_n = W^T post_n`: the counterpart of the outer product.

    With ReLU, goodness (the sum of squares) has the derivative `2 a x^T` by the weights and `2 W^T a` by the input, so
    both directions increase it. For a convolution this is the input gradient, with `post` instead of the error.

    Args:
        x: normalised input `[N, I]` or `[N, I, H, W]`; only its shape matters.
        post: gated activity `[N, O]` or `[N, O, H', W']`.
        layer: the layer.

    Returns:
        direction of the shape of x, in the dtype of `post`.

    Example:
        >>> layer = nn.Linear(2, 1)
        >>> _ = layer.weight.data.copy_(torch.tensor([[1.0, 2.0]]))
        >>> input_product(torch.zeros(1, 2), torch.tensor([[1.5]]), layer).detach()
        tensor([[1.5000, 3.0000]])
    """
    if isinstance(layer, nn.Conv2d):
        return _convolution_backward(x, post, layer, wanted=[True, False, False])[0]
    if isinstance(layer, LocalLinear):
        return input_local(post, layer)
    return post @ layer.weight.to(post.dtype)


def _convolution_backward(
    x: Tensor, post: Tensor, layer: nn.Conv2d, *, wanted: list[bool]
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the wanted gradients of a convolution by input, weight and bias, with `post` as the error."""
    weight = layer.weight[:, : x.shape[1] // layer.groups]  # x may be some of the channels
    gradients: tuple[Tensor, Tensor, Tensor] = torch.ops.aten.convolution_backward(
        post,
        x.to(post.dtype),
        # only the input's gradient depends on its values
        weight.to(post.dtype) if wanted[0] else torch.empty_like(weight, dtype=post.dtype),
        bias_sizes=[post.shape[1]],
        stride=layer.stride,
        padding=layer.padding,
        dilation=layer.dilation,
        transposed=False,
        output_padding=[0, 0],
        groups=layer.groups,
        output_mask=wanted,
    )
    return gradients


def add_outer_linear_(layer: nn.Linear, x: Tensor, post: Tensor, rate: float) -> None:
    """Add the outer product to a dense layer in place: `W += rate sum_n post_n x_n^T`, `b += rate sum_n post_n`.

    The product is added to the weights as it is computed, or in pieces of at most `CACHED` values if activity and
    weights differ in precision: no direction of the size of the weights is ever held.

    Args:
        layer: the layer; its parameters change.
        x: normalised input `[N, I]`.
        post: gated activity `[N, O]`.
        rate: learning rate, with the sign of the step.

    Example:
        >>> layer = nn.Linear(2, 1)
        >>> _ = nn.init.zeros_(layer.weight)
        >>> with torch.no_grad():
        ...     add_outer_linear_(layer, torch.tensor([[1.0, 2.0]]), torch.tensor([[1.5]]), rate=0.1)
        >>> layer.weight.data
        tensor([[0.1500, 0.3000]])
    """
    x = x.to(post.dtype)
    if post.dtype == layer.weight.dtype:
        layer.weight.addmm_(post.T, x, alpha=rate)
    else:  # a product in bfloat16 cannot be added to float32 weights as it is computed: a few units at a time
        units = max(1, CACHED // x.shape[1])
        for weight, part in zip(layer.weight.split(units), post.split(units, dim=1), strict=True):
            weight.add_(part.T @ x, alpha=rate)
    if layer.bias is not None:
        layer.bias.add_(post.sum(dim=0), alpha=rate)
