"""The two parts of a recurrent layer's input, from the layer below and from the layer above, each with its weights."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from convff.local_linear import LocalLinear, outer_by_location, product_by_location, windows_of
from convff.machine.precision import as_computed


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
        >>> currents = [
        ...     part.current(part.read(values), part.weights())
        ...     for part, values in ((below, x[:, :2]), (above, x[:, 2:]))
        ... ]
        >>> torch.allclose(sum(currents) + layer.bias, layer(x))
        True
    """

    layer: nn.Linear | LocalLinear
    columns: tuple[int, int]
    inputs: tuple[int, int]

    def read(self, x: Tensor) -> Tensor:
        """Return what the connections read of the part's inputs `[N, I]`: all of them, or windows `[L, F, N]`."""
        if isinstance(self.layer, nn.Linear):
            return x
        sources = self.layer.sources[:, slice(*self.columns)]
        first, last = self.inputs
        return windows_of(x, torch.where(sources == self.layer.in_features, last - first, sources - first))

    def mean(self, read: Tensor, at: Tensor | slice) -> Tensor:
        """Return the mean over the samples `at` of what is read, in the form of one sample's."""
        samples = 0 if isinstance(self.layer, nn.Linear) else 2
        return read.movedim(samples, 0)[at].mean(dim=0, keepdim=True).movedim(0, samples)

    def weights(self) -> Tensor:
        """Return the weights of the part for `current`, `[O, I]`, or `[L, O, F]` of local fields.

        They are copied once for all iterations, in the precision of autocast where that is on.
        """
        weight = self.layer.weight if isinstance(self.layer, nn.Linear) else self.layer.by_location()
        return as_computed(weight[..., slice(*self.columns)]).contiguous()

    def current(self, read: Tensor, weights: Tensor) -> Tensor:
        """Return what the part adds to the layer's output, `[N, O]`, for what it reads."""
        return F.linear(read, weights) if isinstance(self.layer, nn.Linear) else product_by_location(read, weights)

    def direction(self, read: Tensor, post: Tensor) -> Tensor:
        """Return `sum_n post_n (x) x_n` for its weights, `[O, columns]`.

        Args:
            read: what it reads of its inputs x.
            post: gated activity `[N, O]`.
        """
        read = read.to(post.dtype)
        return post.T @ read if isinstance(self.layer, nn.Linear) else outer_by_location(read, post)
