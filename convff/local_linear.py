"""Local receptive fields without weight sharing: a dense layer whose units see a window of the input each.

Legend: N samples; I inputs; L locations, each with a window of F inputs and O units of its own. Units are in the order
of the locations: unit `l * O + o` is the o-th one of location l. A dense layer is the case L = 1, F = I.

Source: Hinton 2022, section 3.2: "local receptive fields (without weight sharing)".
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from convff.machine.precision import as_computed


def square_windows(grid: int, side: int, stride: int, channels: int) -> Tensor:
    """Return the inputs under every position of a square window on a square map, without a border.

    The map is `[grid, grid, channels]` flattened: places row by row, and the channels of a place one after another.
    That is the order of the units of a `LocalLinear`, so its activity is such a map.

    Args:
        grid: places along a side of the map.
        side: places along a side of the window.
        stride: places from one position to the next.
        channels: values per place.

    Returns:
        indices int64 `[L, side * side * channels]`, for `L = ((grid - side) // stride + 1)^2` positions row by row.

    Raises:
        ValueError: the windows do not fill the map.

    Example:
        >>> square_windows(grid=3, side=2, stride=1, channels=1)
        tensor([[0, 1, 3, 4],
                [1, 2, 4, 5],
                [3, 4, 6, 7],
                [4, 5, 7, 8]])
    """
    if grid < side or (grid - side) % stride:
        raise ValueError(f"windows of {side} with stride {stride} fill maps of {side} + {stride} k, got {grid}")
    of_place = torch.arange(grid * grid * channels).view(grid, grid, channels)
    rows = of_place.unfold(0, side, stride).unfold(1, side, stride)  # (l, l, channels, side, side)
    return rows.permute(0, 1, 3, 4, 2).reshape(-1, side * side * channels)


def windows_of(x: Tensor, sources: Tensor) -> Tensor:
    """Return the window of every location, `[L, F, N]`, for an input `[N, I]`.

    Args:
        x: the input; its values are copied in the precision in which they are multiplied.
        sources: indices of inputs, int64 `[L, F]`; I reads 0.
    """
    # Rows of memory: in bfloat16, to copy them is many times as fast as to collect single values.
    rows = F.pad(as_computed(x), (0, 1)).T.contiguous()
    return rows.index_select(0, sources.flatten()).view(*sources.shape, -1)


def product_by_location(windows: Tensor, weight: Tensor) -> Tensor:
    """Return `z_lo = sum_f W_lof x_lf`, `[N, L * O]`, for windows `[L, F, N]` and weights `[L, O, F]`."""
    return torch.bmm(weight, windows).flatten(0, 1).T.contiguous()


def outer_by_location(windows: Tensor, post: Tensor) -> Tensor:
    """Return `sum_n post_nlo x_nlf`, `[L * O, F]`, for windows `[L, F, N]` and gated activity `[N, L * O]`."""
    by_location = post.T.reshape(len(windows), -1, len(post))  # (L, O, N)
    return torch.bmm(by_location, windows.transpose(1, 2)).flatten(0, 1)


class LocalLinear(nn.Module):
    """`a_lo = sum_f W_lof x_(window l, f) + b_lo`: units with windows of their own, and no shared weight.

    Activity is `[N, L * O]`, as of a dense layer, for everything that reads it. It costs `L * O * F` multiply-adds per
    sample, where a dense layer with a mask would cost `L * O * I`.

    Args:
        sources: the window of each location: indices of inputs, int64 `[L, F]`; -1 is outside of the input and reads 0.
        units: units O of each location.
        in_features: inputs I.
        bias: whether units have a bias.
        mask: which inputs of its window each unit has, bool `[L, O, F]`; all if omitted.

    Attributes:
        weight: `[L * O, F]`; exactly 0 where there is no connection.
        bias: `[L * O]`, or None.
        connections: bool `[L, O or 1, F]`, or None if every unit has its whole window.

    Raises:
        ValueError: sources or mask of another shape or dtype, an input that does not exist, or no units.

    Example:
        >>> layer = LocalLinear(torch.tensor([[0, 1], [1, 2]]), units=4, in_features=3)
        >>> layer(torch.rand(5, 3)).shape, layer.weight.shape
        (torch.Size([5, 8]), torch.Size([8, 2]))
    """

    sources: Tensor
    connections: Tensor | None
    bias: nn.Parameter | None

    def __init__(
        self, sources: Tensor, units: int, in_features: int, *, bias: bool = True, mask: Tensor | None = None
    ) -> None:
        super().__init__()
        _check(sources, units, in_features, mask)
        locations, inputs = sources.shape
        inside = (sources >= 0)[:, None]
        connections = inside if mask is None else mask & inside
        self.in_features, self.out_features = in_features, locations * units
        self.locations, self.units = locations, units
        # Both follow from the network's options, so they are in no checkpoint.
        self.register_buffer("sources", sources.where(sources >= 0, in_features), persistent=False)
        self.register_buffer("connections", None if _all(connections) else connections, persistent=False)
        bound = connections.sum(dim=2, keepdim=True).clamp_min(1).rsqrt()  # as of `nn.Linear`, by a unit's own inputs
        drawn = torch.rand(locations, units, inputs) * 2 - 1
        self.weight = nn.Parameter(torch.where(connections, drawn * bound, 0.0).view(-1, inputs))
        drawn_bias = (torch.rand(locations, units, 1) * 2 - 1) * bound
        self.register_parameter("bias", nn.Parameter(drawn_bias.flatten()) if bias else None)
        self.register_load_state_dict_post_hook(_constrain_loaded)  # type: ignore[no-untyped-call]

    def windows(self, x: Tensor) -> Tensor:
        """Return the window of every location, `[L, F, N]`, for an input `[N, I]`; see `windows_of`."""
        return windows_of(x, self.sources)

    def by_location(self) -> Tensor:
        """Return the weights of each location, `[L, O, F]`; with a graph, only through connections that exist."""
        weight = self.weight.view(self.locations, self.units, -1)
        if self.connections is None or not torch.is_grad_enabled():
            return weight
        return torch.where(self.connections, weight, 0.0)

    def forward(self, x: Tensor) -> Tensor:
        """Return `[N, L * O]` for an input `[N, I]`."""
        z = product_by_location(self.windows(x), self.by_location())
        return z if self.bias is None else z + self.bias.to(z.dtype)

    def fan_in(self) -> Tensor:
        """Return the number of inputs that each unit has, int64 `[L * O]`."""
        if self.connections is None:
            return torch.full((self.out_features,), self.sources.shape[1], device=self.sources.device)
        return self.connections.sum(dim=2).expand(-1, self.units).flatten()

    def connected(self, weight: Tensor) -> Tensor:
        """Return values `[L * O, F]` of connections, with 0 where there is none."""
        if self.connections is None:
            return weight
        return torch.where(self.connections, weight.view(self.locations, self.units, -1), 0.0).view_as(weight)

    @torch.no_grad()
    def constrain_(self) -> None:
        """Reset to 0 what are no connections, in place: for steps that mix the entries of a direction."""
        if self.connections is not None:
            self.weight.view(self.locations, self.units, -1).masked_fill_(self.connections.logical_not(), 0.0)

    def dense_weight(self) -> Tensor:
        """Return the weights of the dense layer that does the same, `[L * O, I]`, with 0 outside the windows.

        Example:
            >>> layer = LocalLinear(torch.tensor([[0, 1], [1, -1]]), units=1, in_features=3)
            >>> (layer.dense_weight() != 0).int()
            tensor([[1, 1, 0],
                    [0, 1, 0]], dtype=torch.int32)
        """
        weight = self.weight.detach().view(self.locations, self.units, -1)
        dense = weight.new_zeros(self.locations, self.units, self.in_features + 1)
        dense.scatter_add_(2, self.sources[:, None].expand_as(weight), weight)
        return dense[..., : self.in_features].reshape(self.out_features, -1)

    def extra_repr(self) -> str:
        """Return the sizes, for `repr`."""
        sizes = f"{self.in_features}, {self.locations} x {self.units}, windows of {self.sources.shape[1]}"
        return f"{sizes}, bias={self.bias is not None}"


Layer = nn.Linear | nn.Conv2d | LocalLinear
"""The layers of a block, each with a closed form of its direction; see `convff.outer`."""


def _all(values: Tensor) -> bool:
    """Return whether all are true; of a sketch without values, that they are."""
    return values.is_meta or bool(values.all())


def _check(sources: Tensor, units: int, in_features: int, mask: Tensor | None) -> None:
    if sources.ndim != 2 or sources.dtype != torch.int64 or not sources.numel():
        raise ValueError(
            f"sources must be int64 indices [locations, inputs], got {sources.dtype} {list(sources.shape)}"
        )
    least, most = (0, 0) if sources.is_meta else (int(sources.min()), int(sources.max()))
    if least < -1 or most >= in_features:
        raise ValueError(f"sources must be inputs from 0 to {in_features - 1}, or -1, got {least} to {most}")
    if units < 1:
        raise ValueError(f"a location needs at least 1 unit, got {units}")
    expected = (sources.shape[0], units, sources.shape[1])
    if mask is not None and (mask.dtype != torch.bool or mask.shape != expected):
        raise ValueError(f"mask must be bool {list(expected)}, got {mask.dtype} {list(mask.shape)}")


def outer_local(x: Tensor, post: Tensor, layer: LocalLinear) -> tuple[Tensor, Tensor]:
    """Return the outer product of a layer with local fields, `dW_lof = sum_n post_nlo x_n(window l, f)`.

    It is the outer product of the dense layer, of which only the entries of connections are computed.

    Args:
        x: normalised input `[N, I]`.
        post: gated activity `[N, L * O]`.
        layer: the layer.

    Returns:
        directions for the weight `[L * O, F]`, 0 where there is no connection, and the bias `[L * O]`, in the dtype of
        `post`.

    Example:
        >>> layer = LocalLinear(torch.tensor([[0, 1], [1, 2]]), units=1, in_features=3)
        >>> outer_local(torch.tensor([[1.0, 2.0, 3.0]]), torch.tensor([[1.0, 10.0]]), layer)
        (tensor([[ 1.,  2.],
                [20., 30.]]), tensor([ 1., 10.]))
    """
    weight = outer_by_location(layer.windows(x.to(post.dtype)), post)
    return layer.connected(weight), post.sum(dim=0)


def input_local(post: Tensor, layer: LocalLinear) -> Tensor:
    """Return the direction for the input, `dx_ni = sum W_lof post_nlo` over all (l, f) that read input i.

    Args:
        post: gated activity `[N, L * O]`.
        layer: the layer.

    Returns:
        `[N, I]`, in the dtype of `post`.

    Example:
        >>> layer = LocalLinear(torch.tensor([[0, 1], [1, 2]]), units=1, in_features=3)
        >>> _ = layer.weight.data.copy_(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        >>> input_local(torch.tensor([[1.0, 10.0]]), layer).detach()
        tensor([[ 1., 32., 40.]])
    """
    by_location = post.view(len(post), layer.locations, -1).transpose(0, 1)  # (L, N, O)
    pushed = torch.bmm(by_location, layer.by_location().to(post.dtype))  # (L, N, F)
    found = post.new_zeros(len(post), layer.in_features + 1)
    found.index_add_(1, layer.sources.flatten(), pushed.transpose(0, 1).reshape(len(post), -1).to(found.dtype))
    return found[:, : layer.in_features]


def _constrain_loaded(layer: nn.Module, _: object) -> None:
    """Reset to 0 what are no connections, whatever a file holds there."""
    assert isinstance(layer, LocalLinear)
    layer.constrain_()
