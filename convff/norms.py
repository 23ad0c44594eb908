"""How a block normalises its input: by the length of each sample, and with a border of reflected pixels."""

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from convff.functional import length_normalise


class LengthNorm(nn.Module):
    """Divides each sample by its root mean square; see `convff.functional.length_normalise`."""

    def forward(self, x: Tensor) -> Tensor:
        """Normalise `[N, ...]`."""
        return length_normalise(x)


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
