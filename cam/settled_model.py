"""Goodness of a network that settles under a label: its scores, and where its state has them."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from cam.functional import sum_contribution
from cam.models import Net
from cam.modes import evaluating

Settle = Callable[[Tensor, Tensor], Sequence[Tensor]]


class SettledModel(nn.Module):
    """Goodness of every label, averaged over the iterations that count, while a network settles under it.

    A place adds the goodness of its own units, so `ShareCAM` of this model shows where the settled state is more active
    under one label than under another. Gradients with respect to the images flow through the settling.

    Args:
        net: the network, whose device and mode are used.
        settle: returns the states of every layer in T iterations, `[B * K, T, units, h, w]` each, or `[B * K, T, n]` of
            dense layers, for images `[B, C, H, W]` and labels `[B, K]`.
        num_classes: K.
        iterations: T.
        first: index of the first layer that counts.
        contribution: returns what each unit adds to the goodness, in the shape of its argument.

    Attributes:
        layers: one module per layer that counts, whose activity is its states: the target layers of `ShareCAM`.
        pixels: a module whose activity are the images: the target layer of `PixelCAM`.

    Raises:
        ValueError: `first` outside [0, number of layers).

    Example:
        >>> from cam import GoodnessDifference, ShareCAM
        >>> from convff import settled_states
        >>> from convff.models import recurrent_local
        >>> net = recurrent_local((3, 8, 8), field=3, tile=4, classes=3)
        >>> def settle(images, labels):
        ...     return [net.as_maps(s[:, 3:6]) for s in settled_states(net, images, labels, iterations=5)]
        >>> model = SettledModel(net, settle, num_classes=3, iterations=3)
        >>> maps = ShareCAM(model, model.layers).maps(torch.rand(2, 3, 8, 8), [GoodnessDifference(0, 1)] * 2)
        >>> torch.allclose(maps.shares().sum(dim=1), maps.scores, atol=1e-3)
        True

    Reference:
        Our own, by the argument of `GoodnessCAM`; the scores are those of Hinton 2022, section 3.4.
    """

    def __init__(
        self,
        net: Net,
        settle: Settle,
        *,
        num_classes: int,
        iterations: int,
        first: int = 0,
        contribution: Callable[[Tensor], Tensor] = sum_contribution,
    ) -> None:
        super().__init__()
        self.net, self.settle, self.contribution = net, settle, contribution
        self.num_classes, self.iterations = num_classes, iterations
        every: list[nn.Module] = [nn.Identity() for _ in net]
        self.layers = every[first:]
        if first < 0 or not self.layers:
            raise ValueError(f"`first` must be in [0, {len(every)}), got {first}")
        self.first = first
        self.pixels = nn.Identity()

    def forward(self, images: Tensor) -> Tensor:
        """Return scores `[B, K]` of images `[B, C, H, W]`."""
        labels = torch.arange(self.num_classes, device=images.device).expand(len(images), -1)
        with evaluating(self):
            settled = self.settle(self.pixels(images), labels)[self.first :]
            by_layer = [
                self.contribution(layer(states.flatten(1, 2))).flatten(1).sum(dim=1)
                for layer, states in zip(self.layers, settled, strict=True)
            ]
        return torch.stack(by_layer).sum(dim=0).view(-1, self.num_classes) / self.iterations

    def shares(self, _layer: nn.Module, a: Tensor, mixing: Tensor) -> Tensor:
        """Return the share `[B, h, w]` of each place in `sum_k mixing_k score_k`; see `ShareModel`."""
        by_label = self.contribution(a).sum(dim=1).unflatten(0, mixing.shape)  # (B, K, h, w)
        return torch.einsum("bk,bk...->b...", mixing, by_label) / self.iterations

    def rest(self, mixing: Tensor) -> Tensor:
        """Return the part `[B]` that belongs to no place: 0."""
        return mixing.new_zeros(len(mixing))
