"""Local fields with top-down connections: the network of Hinton 2022, section 4, on images like CIFAR-10's."""

import torch
from torch import Tensor

from convff.local_linear import LocalLinear
from convff.network import Block
from convff.recurrent.network import BelowAlone, RecurrentNet


def tiled_fields(side: int, field: int, tile: int, below: int, units: int) -> tuple[Tensor, Tensor]:
    """Return windows of tiles on a square map, and which of its window each unit has.

    Places of a tile share one window, so that a layer is a few large matrix products instead of one for each place.

    Args:
        side: places along a side of both maps; `tile` divides it.
        field: side of a place's field in the map that it reads, odd; outside of the map there is nothing.
        tile: places along a side of a tile.
        below: units per place of the map that is read.
        units: units per place.

    Returns:
        sources, int64 `[tiles, window * window * below]` with -1 for what is outside, for `window = tile + field - 1`;
        mask, bool `[tiles, tile * tile * units, window * window * below]`.

    Example:
        >>> sources, mask = tiled_fields(side=4, field=3, tile=2, below=1, units=1)
        >>> sources.shape, mask[0].sum(dim=1)  # a place sees 9 others, of which 4 are on the map at a corner
        (torch.Size([4, 16]), tensor([9, 9, 9, 9]))
        >>> (mask & (sources >= 0)[:, None]).sum(dim=2)[0]
        tensor([4, 6, 6, 9])
    """
    window, reach = tile + field - 1, field // 2
    of_place = torch.full((side + 2 * reach, side + 2 * reach, below), -1)
    inside = slice(reach, reach + side)
    of_place[inside, inside] = torch.arange(side * side * below).view(side, side, below)
    rows = of_place.unfold(0, window, tile).unfold(1, window, tile)  # (tiles, tiles, below, window, window)
    sources = rows.permute(0, 1, 3, 4, 2).reshape(-1, window * window * below)
    near = torch.arange(window)[None] - torch.arange(tile)[:, None]  # row of the window against row of the tile
    sees = (near >= 0) & (near < field)  # (tile, window)
    both = sees[:, None, :, None] & sees[None, :, None, :]  # (tile, tile, window, window)
    mask = both.reshape(tile * tile, window * window).repeat_interleave(units, 0).repeat_interleave(below, 1)
    return sources, mask.expand(len(sources), -1, -1)


def order_of_tiles(side: int, tile: int, units: int) -> Tensor:
    """Return where each unit of a map `[side, side, units]` lies in a layer whose units go tile by tile.

    Example:
        >>> order_of_tiles(side=4, tile=2, units=1).view(4, 4)
        tensor([[ 0,  1,  4,  5],
                [ 2,  3,  6,  7],
                [ 8,  9, 12, 13],
                [10, 11, 14, 15]])
    """
    tiles = side // tile
    by_tile = torch.arange(side * side * units).view(tiles, tiles, tile, tile, units)
    return by_tile.permute(0, 2, 1, 3, 4).flatten()


def recurrent_local(
    image_shape: tuple[int, int, int],
    *,
    classes: int = 10,
    depth: int = 2,
    units: int = 3,
    field: int = 11,
    tile: int = 8,
    centre: float = 0.0,
) -> RecurrentNet:
    """Build layers of the image's size, whose units see squares of the layer below and of the layer above.

    The paper has 2 or 3 layers of 32 x 32 places with 3 units each, fields of 11 x 11 places, and classes above the
    last layer, which all of its units see. No weight is shared.

    Args:
        image_shape: channels, height and width of the input, which is square.
        classes: number of classes, each a unit above the last layer.
        depth: number of layers.
        units: units per place.
        field: side of a field in places, odd; fields are cut at the border.
        tile: side of the squares of places that share a window; it divides the image's side. It changes the speed, not
            the network.
        centre: the value of a pixel that counts as 0, in [0, 1]. If it is 0, most of the length of a photograph is its
            mean brightness; 0.5 removes that.

    Raises:
        ValueError: an image that is not square, a field that is even or larger than twice the image, a tile that does
            not divide its side, a number less than 1, or a centre that is no pixel.

    Example:
        >>> net = recurrent_local((3, 32, 32))
        >>> net.widths, [int(block.layer.connections.sum()) for block in net]
        ([3072, 3072], [1866312, 963876])

    Reference:
        Hinton 2022, "The Forward-Forward Algorithm", section 4. Tiles are ours: the paper trained dense layers and
        reset the weights that do not exist.
    """
    channels, side, width = image_shape
    if not 0 <= centre <= 1:
        raise ValueError(f"centre must be a pixel's value in [0, 1], got {centre}")
    _check(side, width, classes=classes, depth=depth, units=units, field=field, tile=tile)
    inputs = channels * side * side
    size = side * side * units
    blocks, columns = [], []
    for index in range(depth):
        last, here = index == depth - 1, channels if index == 0 else units
        below, mask_below = tiled_fields(side, field, tile, here, units)
        of_map = _order_of_image(channels, side) if index == 0 else order_of_tiles(side, tile, units)
        below = _named(below, of_map)
        if last:
            above, mask_above = _all_classes(classes, mask_below)
        else:
            above, mask_above = tiled_fields(side, field, tile, units, units)
            above = _named(above, order_of_tiles(side, tile, units))
        seen = torch.cat([below, torch.where(above < 0, above, above + inputs)], dim=1)
        more = classes if last else size
        mask = torch.cat([mask_below, mask_above], dim=2)
        layer = LocalLinear(seen, tile * tile * units, inputs + more, mask=mask)
        blocks.append(Block(BelowAlone(more, centre=0.0 if index else centre), layer))
        columns.append(below.shape[1])
        inputs = size
    return RecurrentNet(blocks, columns=columns, order=order_of_tiles(side, tile, units).view(side, side, units))


def _named(sources: Tensor, order: Tensor) -> Tensor:
    """Return where sources of a map lie in memory: images are `[C, H, W]`, and a layer's units go tile by tile."""
    return torch.where(sources < 0, sources, order[sources])


def _all_classes(classes: int, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Return the inputs and the mask of units that see all classes, for tiles and units as in the mask `[T, U, F]`."""
    above = torch.arange(classes).expand(len(mask), -1)
    return above, torch.ones(*mask.shape[:2], classes, dtype=torch.bool)


def _order_of_image(channels: int, side: int) -> Tensor:
    """Return where each value of a map `[side, side, channels]` lies in an image `[C, H, W]`."""
    return torch.arange(channels * side * side).view(channels, side, side).permute(1, 2, 0).flatten()


def _check(side: int, width: int, **numbers: int) -> None:
    least = min(numbers, key=lambda name: numbers[name])
    if numbers[least] < 1:
        raise ValueError(f"a recurrent network needs {least} of at least 1, got {numbers[least]}")
    if side != width:
        raise ValueError(f"a recurrent network with local fields needs square images, got {side} x {width}")
    if numbers["field"] % 2 == 0 or numbers["field"] > 2 * side:
        raise ValueError(
            f"field must be odd and at most twice the image's side of {side} pixels, got {numbers['field']}"
        )
    if side % numbers["tile"]:
        raise ValueError(f"tile must divide the image's side of {side} pixels, got {numbers['tile']}")
