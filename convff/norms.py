"""How a block normalises its input: by the length or the mean of each sample, flattened, or with a reflected border."""

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from convff.functional import length_normalise, mean_activity


class LengthNorm(nn.Module):
    """Divides each sample by its root mean square; see `convff.functional.length_normalise`."""

    def forward(self, x: Tensor) -> Tensor:
        """Normalise `[N, ...]`."""
        return length_normalise(x)


def activity_normalise(x: Tensor, eps: float = 1e-8) -> Tensor:
    """Divide each sample by its mean, `x / mean_i x_i`: the norm for goodness of the activity instead of its squares.

    Args:
        x: activity `[N, ...]`, not negative.
        eps: added to the mean, so that a silent layer stays silent instead of becoming NaN.

    Returns:
        `[N, ...]` of the dtype of `x`, each sample with mean 1.

    Example:
        >>> import torch
        >>> activity_normalise(torch.tensor([[1.0, 3.0]]))
        tensor([[0.5000, 1.5000]])

    Reference:
        Hinton 2022, footnote 21: "When using the unsquared activities, the layer normalization must normalize the sum
        of the activities".
    """
    scale = 1 / (mean_activity(x) + eps)
    return x * scale.to(x.dtype).view(-1, *[1] * (x.ndim - 1))


class ActivityNorm(nn.Module):
    """Flattens its input and divides each sample by its mean: `[N, ...]` -> `[N, n]`; see `activity_normalise`."""

    def forward(self, x: Tensor) -> Tensor:
        """Flatten and normalise."""
        return activity_normalise(x.flatten(1))


class FlatNorm(nn.Module):
    """Flattens its input, then normalises it: `[N, ...]` -> `[N, n]`; for a dense layer behind maps.

    Args:
        norm: the norm of vectors.

    Example:
        >>> import torch
        >>> FlatNorm(LengthNorm())(torch.full((2, 3, 4, 4), 5.0)).shape
        torch.Size([2, 48])
    """

    def __init__(self, norm: nn.Module) -> None:
        super().__init__()
        self.norm = norm

    def forward(self, x: Tensor) -> Tensor:
        """Flatten and normalise `[N, ...]`."""
        flat: Tensor = self.norm(x.flatten(1))
        return flat

    def of_stream(self, x: Tensor) -> Tensor:
        """Flatten and normalise label images, which have statistics of their own; see `Block.normalised`."""
        return normalised_stream(self.norm, x.flatten(1))


class PaddedNorm(nn.Module):
    """A norm, and then a border of reflected pixels around each map: `[N, C, H, W]` -> `[N, C, H + 2 p, W + 2 p]`.

    The convolution behind it has padding 0. So the input that a rule sees is the padded one, and the closed form of a
    direction, which knows no padding but zeros, holds for reflection too.

    Args:
        norm: the norm.
        pad: width p of the border in pixels; smaller than each side of a map.

    Raises:
        ValueError: `pad` is negative; in the forward pass, a map is too small to be reflected.

    Example:
        >>> import torch
        >>> PaddedNorm(nn.Identity(), 1)(torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])).squeeze().tolist()[0]
        [4.0, 3.0, 4.0, 3.0]
    """

    def __init__(self, norm: nn.Module, pad: int) -> None:
        super().__init__()
        if pad < 0:
            raise ValueError(f"pad must be at least 0, got {pad}")
        self.norm = norm
        self.pad = pad

    def forward(self, x: Tensor) -> Tensor:
        """Normalise and pad `[N, C, H, W]`."""
        return self._padded(self.norm(x))

    def of_stream(self, x: Tensor) -> Tensor:
        """Normalise and pad label images, which have statistics of their own; see `Block.normalised`."""
        return self._padded(normalised_stream(self.norm, x))

    def _padded(self, x: Tensor) -> Tensor:
        if self.pad >= min(x.shape[2:]):
            raise ValueError(
                f"a border of {self.pad} reflected pixels needs larger maps than {x.shape[2]} x {x.shape[3]}"
            )
        return F.pad(x, (self.pad,) * 4, mode="reflect")

    def extra_repr(self) -> str:
        """Return the settings, for `repr`."""
        return f"pad={self.pad}"


def normalised_stream(norm: nn.Module, x: Tensor) -> Tensor:
    """Normalise label images `[K, ...]` by their own statistics: every step has all of them, so none are kept.

    Args:
        norm: batch norm, or a norm with a method `of_stream`; any other norm treats label images like the rest.
        x: raw input of the label images.
    """
    if isinstance(norm, _BatchNorm):
        return F.batch_norm(x, None, None, training=True, eps=norm.eps)
    of_stream: Callable[[Tensor], Tensor] = getattr(norm, "of_stream", norm)
    return of_stream(x)


class Centred(nn.Module):
    """Brings pixels from [0, 1] to [-1, 1]: `(x - 0.5) / 0.5`.

    Example:
        >>> import torch
        >>> Centred()(torch.tensor([0.0, 0.5, 1.0]))
        tensor([-1.,  0.,  1.])
    """

    def forward(self, x: Tensor) -> Tensor:
        """Return `[N, ...]` in [-1, 1]."""
        return x.sub(0.5).div(0.5)
