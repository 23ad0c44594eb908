"""Fields of 11 x 11 places: every connection against a loop over places."""

import pytest
import torch

from convff import sum_goodness
from convff.models import recurrent_local
from convff.models.recurrent_local import order_of_tiles
from convff.recurrent import settled_goodness


@pytest.mark.parametrize(("side", "field", "tile"), [(6, 3, 2), (6, 5, 3), (4, 7, 4)])
def test_a_unit_is_connected_to_the_places_around_it_and_to_nothing_else(side: int, field: int, tile: int) -> None:
    channels, units, classes = 2, 3, 4
    net = recurrent_local((channels, side, side), classes=classes, depth=2, units=units, field=field, tile=tile)
    where = order_of_tiles(side, tile, units).view(side, side, units)
    expected = [torch.zeros(block.layer.out_features, block.layer.in_features, dtype=torch.bool) for block in net]
    for row in range(side):
        for column in range(side):
            near = [
                (r, c)
                for r in range(max(0, row - field // 2), min(side, row + field // 2 + 1))
                for c in range(max(0, column - field // 2), min(side, column + field // 2 + 1))
            ]
            for unit in where[row, column].tolist():
                for r, c in near:
                    for channel in range(channels):
                        expected[0][unit, channel * side * side + r * side + c] = True  # an image is [C, H, W]
                    for other in where[r, c].tolist():
                        expected[0][unit, channels * side * side + other] = True  # the layer above
                        expected[1][unit, other] = True  # the layer below
                expected[1][unit, -classes:] = True
    for block, connected in zip(net, expected, strict=True):
        block.layer.weight.data.fill_(1.0)
        block.layer.constrain_()
        assert torch.equal(block.layer.dense_weight() > 0, connected)


def test_the_paper_has_363_inputs_from_a_map_and_108_at_a_corner() -> None:
    net = recurrent_local((3, 32, 32))
    first, last = (block.layer.connections for block in net)
    where = order_of_tiles(32, 8, 3).view(32, 32, 3)
    by_unit = first.sum(dim=2).flatten()
    assert by_unit[where[16, 16]].tolist() == [2 * 363] * 3
    assert by_unit[where[0, 0]].tolist() == [2 * 108] * 3
    assert last.sum(dim=2).flatten()[where[31, 31]].tolist() == [108 + 10] * 3
    along = sum(min(31, place + 5) - max(0, place - 5) + 1 for place in range(32))
    assert int(first.sum()) == 2 * 9 * along**2


def test_tiles_change_the_speed_and_not_the_network() -> None:
    """The same connections with the same weights, whatever the tile."""
    images, found = torch.rand(3, 2, 6, 6, dtype=torch.float64), []
    for tile in (2, 3):
        net = recurrent_local((2, 6, 6), classes=3, units=2, field=3, tile=tile).double()
        where = order_of_tiles(6, tile, 2)
        sizes = (72, 72)
        for block, below, above in zip(net, sizes, (72, 3), strict=True):
            layer = block.layer
            rank = torch.arange(72)  # of each unit on the map
            place = torch.empty_like(rank).index_put_((where,), rank)  # rank of the unit at a position of the layer
            of_below = torch.arange(72) if block is net.blocks[0] else place
            of_above = place if above == 72 else torch.arange(3)
            names = torch.cat([of_below, below + of_above, torch.tensor([0])])
            unit = place.view(layer.locations, layer.units, 1)
            values = torch.sin(unit * 1.7 + names[layer.sources][:, None] * 0.3).double()
            layer.weight.data.copy_(values.view_as(layer.weight))
            layer.bias.data.copy_(torch.cos(place.double()))
            layer.constrain_()
        found.append(settled_goodness(net, images, goodness=sum_goodness))
    torch.testing.assert_close(found[0], found[1], rtol=1e-10, atol=0)


@pytest.mark.parametrize(
    ("shape", "options", "message"),
    [
        ((3, 32, 28), {}, "needs square images, got 32 x 28"),
        ((3, 32, 32), {"field": 10}, "field must be odd and at most twice the image's side of 32 pixels, got 10"),
        ((3, 8, 8), {"field": 17}, "at most twice the image's side of 8 pixels, got 17"),
        ((3, 32, 32), {"tile": 5}, "tile must divide the image's side of 32 pixels, got 5"),
        ((3, 32, 32), {"depth": 0}, "needs depth of at least 1, got 0"),
        ((3, 32, 32), {"units": -1}, "needs units of at least 1, got -1"),
    ],
)
def test_what_does_not_fit_is_refused(shape: tuple[int, int, int], options: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        recurrent_local(shape, **options)
