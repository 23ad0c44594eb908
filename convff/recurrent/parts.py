"""The two parts of a recurrent layer's input, from the layer below and from the layer above, each with its weights."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from convff.local_linear import LocalLinear, outer_by_location, product_by_location


@dataclass(frozen=True, eq=False)
class Part:
    """The connections of a layer to a range of its inputs: a layer without bias of its own.

    Args:
        layer: the whole layer, dense or with local fields.
        columns: the weights of the part, columns `first` to `last - 1` of the layer's weight.
        inputs: the layer's inputs that they read, `first` to `last - 1`. Of a dense layer they are the columns.

    Example:
        >>> layer = nn.Linear(3, 2)
        >>> below, above = Part(layer, (0, 2), (0, 2)), Part(layer, (2, 3), (2, 3))
        >>> x = torch.rand(4, 3)
        >>> torch.allclose(below.current(x[:, :2]) + above.current(x[:, 2:]) + layer.bias, layer(x))
        True
    """

    layer: nn.Linear | LocalLinear
    columns: tuple[int, int]
    inputs: tuple[int, int]

    def current(self, x: Tensor) -> Tensor:
        """Return what the part adds to the layer's output, `[N, O]`, for its inputs `[N, I]`."""
        if isinstance(self.layer, nn.Linear):
            return F.linear(x, self.layer.weight[:, slice(*self.columns)])
        weight = self.layer.by_location()[:, :, slice(*self.columns)]
        return product_by_location(self._windows(x), weight)

    def direction(self, x: Tensor, post: Tensor) -> Tensor:
        """Return `sum_n post_n (x) x_n` for its weights, `[O, columns]`.

        Args:
            x: its inputs `[N, I]`.
            post: gated activity `[N, O]`.
        """
        if isinstance(self.layer, nn.Linear):
            return post.T @ x.to(post.dtype)
        return outer_by_location(self._windows(x.to(post.dtype)), post)

    def _windows(self, x: Tensor) -> Tensor:
        """Return the window of every location, `[N, L, F]`; what is outside of the input reads 0."""
        assert isinstance(self.layer, LocalLinear)
        sources = self.layer.sources[:, slice(*self.columns)]
        first, last = self.inputs
        outside = last - first
        sources = torch.where(sources == self.layer.in_features, outside, sources - first)
        return F.pad(x, (0, 1)).index_select(1, sources.flatten()).view(x.shape[0], sources.shape[0], -1)
