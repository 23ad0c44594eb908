"""A network with top-down connections: each layer sees the layer below and the layer above (Hinton 2022, 3.4)."""

from collections.abc import Iterable

import torch.nn.functional as F
from torch import Tensor, nn

from convff.functional import length_normalise
from convff.local_linear import LocalLinear
from convff.network import Block, LayerLocalNet
from convff.recurrent.parts import Part


class BelowAlone(nn.Module):
    """The input of a layer that hears nothing from above: the normalised activity below, then zeros.

    Args:
        above: number of inputs from the layer above.
        centre: what is subtracted before the division, e.g. the middle of the range of pixels.

    Example:
        >>> import torch
        >>> BelowAlone(1)(torch.tensor([[3.0, 3.0]])).round(decimals=3)
        tensor([[1., 1., 0.]])
    """

    def __init__(self, above: int, centre: float = 0.0) -> None:
        super().__init__()
        self.above, self.centre = above, centre

    def below(self, x: Tensor) -> Tensor:
        """Return the normalised activity below `[N, I]`, for `[N, ...]`."""
        return length_normalise(x.flatten(1) - self.centre)

    def forward(self, x: Tensor) -> Tensor:
        """Flatten, normalise and pad `[N, ...]`."""
        return F.pad(self.below(x), (0, self.above))

    def extra_repr(self) -> str:
        """Return the settings, for `repr`."""
        return f"above={self.above}, centre={self.centre}"


def refuse_settling(net: LayerLocalNet) -> None:
    """Raise for a network that settles: other rules would leave its top-down connections alone.

    Raises:
        ValueError: it is a `RecurrentNet`.
    """
    if isinstance(net, RecurrentNet):
        raise ValueError(
            "a network that settles learns by RecurrentForwardForward (rule recurrent), or backpropagation"
        )


class RecurrentNet(LayerLocalNet):
    """Layers between an image at the bottom and a class at the top, with weights up and weights down.

    The layer of a block has one weight matrix `[W V]`: columns W for the layer below (for the first, the image), then
    columns V for the layer above (for the last, the classes, one unit each). `route` is the single pass from the bottom
    up, without any input from above: the start of the settling, and what a readout reads. `convff.recurrent.settling`
    lets the network settle under a label.

    Args:
        blocks: dense layers, or layers with local fields, whose norm is a `BelowAlone`.
        columns: for each layer with local fields, the number of its windows' inputs from the layer below; a dense
            layer's follows from its input.
        order: int64 `[height, width, units]`, where each unit of a place lies in a layer, if units have places; all
            layers are alike.

    Raises:
        ValueError: a layer's inputs are not those of its neighbours, or `order` is not one of its units.

    Example:
        >>> import torch
        >>> from convff.models import recurrent_mlp
        >>> net = recurrent_mlp((1, 8, 8), classes=3, widths=(6, 5))
        >>> [tuple(block.layer.weight.shape) for block in net], [a.shape[1] for a in net(torch.rand(2, 1, 8, 8))]
        ([(6, 69), (5, 9)], [6, 5])

    Reference:
        Hinton 2022, "The Forward-Forward Algorithm", section 3.4.
    """

    widths: list[int]
    classes: int

    def __init__(
        self, blocks: Iterable[Block], *, columns: Iterable[int | None] = (), order: Tensor | None = None
    ) -> None:
        super().__init__(blocks)
        of_windows = [*columns] or [None] * len(self)
        self.widths = [len(block.layer.weight) for block in self]
        self.classes = self._above(len(self) - 1)
        self._parts: list[tuple[Part, Part]] = []
        for index, (block, below_columns) in enumerate(zip(self, of_windows, strict=True)):
            self._check(index, block)
            layer: nn.Linear | LocalLinear = block.layer  # type: ignore[assignment]
            inputs = layer.in_features - self._above(index)
            split, width = inputs if below_columns is None else below_columns, layer.weight.shape[1]
            below = Part(layer, (0, split), (0, inputs))
            self._parts.append((below, Part(layer, (split, width), (inputs, layer.in_features))))
        if order is not None and {order.numel()} != set(self.widths):
            raise ValueError(f"order has {order.numel()} places for units, but layers have {self.widths} units")
        self.order = order

    def _above(self, index: int) -> int:
        norm = self.blocks[index].norm
        return norm.above if isinstance(norm, BelowAlone) else -1

    def _check(self, index: int, block: Block) -> None:
        expected = self.widths[index + 1] if index + 1 < len(self) else self.classes
        if not isinstance(block.layer, nn.Linear | LocalLinear) or self._above(index) != expected or expected < 1:
            raise ValueError(
                f"layer {index + 1} of a recurrent network must be dense or have local fields, and its norm must be "
                f"BelowAlone({expected}), got {type(block.layer).__name__} and {block.norm}"
            )
        if index and block.layer.in_features - expected != self.widths[index - 1]:
            raise ValueError(
                f"layer {index + 1} of a recurrent network has {block.layer.in_features - expected} inputs from below, "
                f"where {self.widths[index - 1]} units are"
            )

    def pixels(self, images: Tensor) -> Tensor:
        """Return what the first layer sees of images `[N, C, H, W]`: their pixels `[N, I]`, normalised."""
        norm = self.blocks[0].norm
        assert isinstance(norm, BelowAlone)
        return norm.below(images)

    def as_maps(self, states: Tensor) -> Tensor:
        """Return states `[..., n]` of a layer as maps `[..., units, height, width]`.

        Raises:
            ValueError: the units have no places.

        Example:
            >>> import torch
            >>> from convff.models import recurrent_local
            >>> recurrent_local((3, 8, 8), field=3, tile=4).as_maps(torch.rand(2, 5, 192)).shape
            torch.Size([2, 5, 3, 8, 8])
        """
        if self.order is None:
            raise ValueError("units of dense layers have no places")
        return states[..., self.order.permute(2, 0, 1).to(states.device)]

    def below(self, index: int) -> Part:
        """Return the connections of a layer to the layer below it."""
        return self._parts[index][0]

    def above(self, index: int) -> Part:
        """Return the connections of a layer to the layer above it."""
        return self._parts[index][1]
