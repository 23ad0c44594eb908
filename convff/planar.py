"""A batch of images with constant planes beside them, as a tensor that takes the memory of the images alone."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from convff.planes import Geometry, plane_response, spread_over_runs

METADATA = frozenset(
    getattr(Tensor, name).__get__ for name in ("shape", "ndim", "dtype", "device", "requires_grad", "layout")
) | {Tensor.dim, Tensor.size, Tensor.__len__, Tensor.numel, Tensor.is_floating_point}
"""What a tensor knows without its values."""


class WithPlanes(Tensor):
    """Images `[B P, C + K, H, W]` whose last K channels are constant planes; P rows in a row share an image.

    It behaves like the dense tensor, which any operation is given but three: batch norm without parameters, a
    convolution without groups, and a change of the memory layout. These treat the images once instead of P times, and
    the planes as numbers; see `convff.planes`. The results are equal up to rounding. Batch norm keeps planes constant,
    so a block's first convolution never sees the dense tensor.

    Args:
        images: `[B, C, H, W]`.
        values: of the planes, `[B P, K]`, in the dtype of the images.

    Raises:
        ValueError: the shapes or dtypes disagree.

    Example:
        >>> inputs = WithPlanes(torch.zeros(1, 1, 2, 2), torch.tensor([[1.0], [2.0]]))
        >>> inputs.shape, inputs.dense()[:, 1].flatten(1)
        (torch.Size([2, 2, 2, 2]), tensor([[1., 1., 1., 1.],
                [2., 2., 2., 2.]]))
        >>> torch.conv2d(inputs, torch.ones(1, 2, 1, 1)).flatten(1)
        tensor([[1., 1., 1., 1.],
                [2., 2., 2., 2.]])
    """

    images: Tensor
    plane_values: Tensor

    @staticmethod
    def __new__(cls: "type[WithPlanes]", images: Tensor, values: Tensor) -> "WithPlanes":
        """Make a tensor without memory of its own; see the class."""
        if images.ndim != 4 or values.ndim != 2 or not len(images) or len(values) % len(images):
            raise ValueError(
                "images with planes need images [B, C, H, W] and values [B P, K], "
                f"got {list(images.shape)} and {list(values.shape)}"
            )
        if images.dtype != values.dtype:
            raise ValueError(f"images and planes must have one dtype, got {images.dtype} and {values.dtype}")
        shape = (len(values), images.shape[1] + values.shape[1], *images.shape[2:])
        made: WithPlanes = Tensor._make_wrapper_subclass(cls, shape, dtype=images.dtype, device=images.device)
        made.images, made.plane_values = images, values
        return made

    def dense(self) -> Tensor:
        """Return the same values laid out, channels last in memory."""
        copies = len(self.plane_values) // len(self.images)
        planes = self.plane_values[:, :, None, None].expand(-1, -1, *self.images.shape[2:])
        whole = torch.cat([self.images.repeat_interleave(copies, dim=0), planes], dim=1)
        return whole.contiguous(memory_format=torch.channels_last)

    def part(self, images: slice) -> "WithPlanes":
        """Return all rows of some images."""
        values = self.plane_values.unflatten(0, (len(self.images), -1))[images].flatten(0, 1)
        return WithPlanes(self.images[images], values)

    def split_weight(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        """Return a convolution's weight for the images `[O, C, kh, kw]` and for the planes `[O, K, kh, kw]`."""
        of_images, of_planes = weight.split([self.images.shape[1], self.plane_values.shape[1]], dim=1)
        return of_images.contiguous(memory_format=torch.channels_last), of_planes

    def geometry(self, kernel: Any, stride: Any, padding: Any, dilation: Any) -> Geometry:
        """Return the runs of a convolution of these images, whose numbers are pairs of height and width."""
        return Geometry.of((self.shape[2], self.shape[3]), kernel, stride, padding, dilation)

    @classmethod
    def __torch_function__(
        cls,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Do what is cheap without the dense tensor, and give the dense tensor to everything else."""
        kwargs = kwargs or {}
        if func in METADATA:
            with torch._C.DisableTorchFunctionSubclass():
                return func(*args, **kwargs)
        cheap = CHEAP.get(func)
        if cheap is not None and isinstance(args[0], WithPlanes):
            found = cheap(*args, **kwargs)
            if found is not None:
                return found
        return func(*_dense(args), **{name: _dense(value) for name, value in kwargs.items()})

    @classmethod
    def __torch_dispatch__(  # type: ignore[override, unused-ignore]
        cls,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Give the dense tensor to what is not called from Python."""
        return func(*_dense(args), **{name: _dense(value) for name, value in (kwargs or {}).items()})


def _dense(value: Any) -> Any:
    if isinstance(value, WithPlanes):
        return value.dense()
    return type(value)(map(_dense, value)) if type(value) in (list, tuple) else value


def _laid_out(x: WithPlanes, memory_format: torch.memory_format = torch.contiguous_format) -> WithPlanes:
    """Lay the images out in memory as asked."""
    return WithPlanes(x.images.contiguous(memory_format=memory_format), x.plane_values)


def _batch_norm(
    x: WithPlanes,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> WithPlanes | None:
    """Normalise images and planes, and update the running statistics; None with parameters."""
    if weight is not None or bias is not None:
        return None
    channels, images = x.images.shape[1], x.images.contiguous()  # statistics of few channels are faster so
    if training:
        means, variances = zip(
            torch.batch_norm_update_stats(images, None, None, 0.0),
            torch.var_mean(x.plane_values, dim=0, correction=0)[::-1],
            strict=True,
        )
        mean, variance = torch.cat(means), torch.cat(variances)
        if running_mean is not None and running_var is not None:
            count = x.numel() // x.shape[1]
            running_mean.lerp_(mean.to(running_mean), momentum)
            running_var.lerp_(variance.to(running_var) * (count / (count - 1)), momentum)
    else:
        assert running_mean is not None
        assert running_var is not None
        mean, variance = running_mean, running_var
    images = F.batch_norm(images, mean[:channels], variance[:channels], eps=eps)
    planes = (x.plane_values - mean[channels:]) * torch.rsqrt(variance[channels:] + eps)
    return WithPlanes(images, planes.to(images.dtype))


def _conv2d(
    x: WithPlanes,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor | None:
    """Convolve images and planes; None with groups, padding by name, or a graph to build."""
    if groups != 1 or isinstance(padding, str) or (torch.is_grad_enabled() and weight.requires_grad):
        return None
    of_images, of_planes = x.split_weight(weight)
    shared = torch.conv2d(x.images, of_images, None, stride, padding, dilation)
    geometry = x.geometry(tuple(weight.shape[2:]), *map(_pair, (stride, padding, dilation)))
    with torch.autocast(x.device.type, enabled=False):
        values = x.plane_values.to(torch.promote_types(x.dtype, weight.dtype))
        response = plane_response(values, of_planes, geometry)
        if bias is not None:
            response = response + bias
        return spread_over_runs(shared, response, geometry)


def _pair(value: Any) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else tuple(value)


CHEAP: dict[Callable[..., Any], Callable[..., Any]] = {
    Tensor.contiguous: _laid_out,
    F.batch_norm: _batch_norm,
    torch.conv2d: _conv2d,
}
"""Operations that need no dense tensor. Each returns None for arguments that it cannot take."""
