"""LinearCAM: where the score of a linear readout comes from, exactly and without a gradient through the network."""

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor, nn

from cam.base import SignedCAM, positions, refuse_strangers
from cam.functional import Target, position_weights, regions, target_gradient
from cam.recorder import Recorder


class LinearlyRead(Protocol):
    """A model whose scores are `linear(cat(regions of the layers' activity))`, e.g. `ReadoutModel` or `HeadModel`."""

    linear: nn.Linear
    grid: int | None
    layers: list[nn.Module]


class LinearCAM(SignedCAM):
    """Readout weight times activity, at every position of every layer that is read.

    A class score is a sum, `score_k = b_k + sum_l sum_cyx W_klcyx a_lcyx`, so the map of layer l,
    `M_l[y, x] = sum_c W_klcyx a_lcyx`, is that layer's share of it, position by position: the maps of all layers and
    the bias sum to the score. If the readout averages over regions, W is the region's weight divided among its
    positions. For any other target t(scores) the weights of the classes are mixed, `sum_k dt/dscore_k W_k`.

    Args:
        model: a `ReadoutModel` or a `HeadModel`, or any module with `linear`, `grid` and `layers` (see `LinearlyRead`).
        target_layers: some or all of `model.layers`.
        reshape_transform: must be None; present only because grad-cam's classes have it.

    Raises:
        ValueError: a target layer that the readout does not read.

    Example:
        >>> from cam import ReadoutModel
        >>> from convff import LinearReadout, cnn3
        >>> from labels import FourierLabels
        >>> net, images = cnn3((1, 8, 8), width=4, kernel=3), torch.rand(2, 1, 8, 8)
        >>> model = ReadoutModel(LinearReadout(net, FourierLabels(3, (8, 8)), (1, 8, 8)))
        >>> _ = torch.nn.init.normal_(model.linear.weight)
        >>> maps = LinearCAM(model, model.layers).maps(images)
        >>> [tuple(layer.shape) for layer in maps.layers]
        [(2, 8, 8), (2, 8, 8)]
        >>> torch.allclose(maps.shares().sum(dim=1) + maps.bias, maps.scores, atol=1e-5)
        True

    Reference:
        Zhou et al. 2016 for a pooled last layer; Scodellaro et al. 2025, "Explainable AI: class activation maps", for
        the readout of a Forward-Forward network.
    """

    def __init__(self, model: nn.Module, target_layers: Sequence[nn.Module], reshape_transform: None = None) -> None:
        super().__init__(model, target_layers, reshape_transform)
        self.read: LinearlyRead = model  # type: ignore[assignment]
        refuse_strangers(self.target_layers, self.read.layers)
        # Record all layers that are read: only their sizes together tell which columns of the weight belong to each.
        self.activations_and_grads = Recorder(model, self.read.layers, needs_graph=False)

    @torch.no_grad()
    def layer_maps(
        self, activations: Sequence[Tensor], outputs: Tensor, targets: Sequence[Target]
    ) -> tuple[list[Tensor], Tensor]:
        """See `SignedCAM`; here `activations` has all layers that are read."""
        grid, bias = self.read.grid, self.read.linear.bias
        mixing = target_gradient(outputs, targets)  # (B, K)
        columns = self.read.linear.weight.split([regions(a[:1], grid).numel() for a in activations], dim=1)
        by_layer = {
            id(layer): (position_weights(mixing @ weight, positions(a, layer), grid) * a).sum(dim=1)
            for layer, weight, a in zip(self.read.layers, columns, activations, strict=True)
            if any(layer is wanted for wanted in self.target_layers)
        }
        maps = [by_layer[id(layer)] for layer in self.target_layers]
        return maps, mixing @ bias if bias is not None else mixing.new_zeros(len(mixing))
