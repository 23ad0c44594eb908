"""The network with local fields: its sizes are the paper's, and each unit sees its square alone."""

import pytest
import torch
from torch import Tensor

from convff import MODELS, LayerLocalNet, LocalLinear, local_fields


def seen_pixels(net: LayerLocalNet, layer: int, unit: int, shape: tuple[int, int, int]) -> Tensor:
    """Which pixels a unit's input depends on, bool `shape`: through the windows of all layers below."""
    wanted = torch.zeros(len(net.blocks[layer].layer.weight), dtype=torch.bool)
    wanted[unit] = True
    for block in list(net)[layer::-1]:
        assert isinstance(block.layer, LocalLinear)
        reaches = block.layer.dense_weight() != 0
        wanted = reaches[wanted].any(dim=0)
    return wanted.view(shape)


def test_the_papers_sizes() -> None:
    net = local_fields((1, 28, 28))
    layers = [block.layer for block in net]
    assert [(layer.locations, layer.units, layer.sources.shape[1]) for layer in layers] == [
        (16, 128, 100),
        (9, 220, 512),
        (4, 512, 880),
    ]
    assert [layer.out_features for layer in layers] == [2048, 1980, 2048]
    assert [layer.weight.numel() for layer in layers] == [204_800, 1_013_760, 1_802_240]
    assert all(layer.connections is None and int(layer.sources.max()) < layer.in_features for layer in layers)
    assert [tuple(a.shape) for a in net(torch.rand(2, 1, 28, 28))] == [(2, 2048), (2, 1980), (2, 2048)]


@pytest.mark.parametrize("channels", [1, 3])
def test_units_see_squares_of_all_channels(channels: int) -> None:
    shape = (channels, 28, 28)
    net = local_fields(shape, widths=(3, 2, 2))
    for place in range(16):
        row, column = 6 * (place // 4), 6 * (place % 4)
        expected = torch.zeros(shape, dtype=torch.bool)
        expected[:, row : row + 10, column : column + 10] = True
        assert torch.equal(seen_pixels(net, 0, 3 * place + 1, shape), expected)
    for place in range(9):  # 2 x 2 fields of the first layer: 16 pixels a side
        row, column = 6 * (place // 3), 6 * (place % 3)
        expected = torch.zeros(shape, dtype=torch.bool)
        expected[:, row : row + 16, column : column + 16] = True
        assert torch.equal(seen_pixels(net, 1, 2 * place, shape), expected)
    for place in range(4):
        row, column = 6 * (place // 2), 6 * (place % 2)
        assert seen_pixels(net, 2, 2 * place, shape)[:, row : row + 22, column : column + 22].all()


def test_a_unit_sees_all_units_of_two_by_two_places() -> None:
    layer = local_fields((1, 28, 28), widths=(3, 2, 2)).blocks[1].layer
    places = (layer.sources[4] // 3).unique().tolist()  # the middle of the 3 x 3 grid, of the 4 x 4 grid below
    assert places == [5, 6, 9, 10]
    assert layer.sources[4].unique().numel() == 12


def test_another_image_takes_another_field_and_stride() -> None:
    net = local_fields((1, 8, 8), widths=(6, 4), field=4, stride=2)
    assert [a.shape[1] for a in net(torch.rand(2, 1, 8, 8))] == [9 * 6, 4 * 4]


def test_every_unit_sees_a_label_that_is_for_all_blocks() -> None:
    net = local_fields((1 + 4, 8, 8), widths=(6, 4), field=4, stride=2, label_channels=4)
    layers = [block.layer for block in net]
    assert [layer.in_features for layer in layers] == [64 + 4, 9 * 6 + 4]
    for layer in layers:
        assert torch.equal(layer.sources[:, -4:], torch.arange(4).expand(layer.locations, 4) + layer.in_features - 4)
    x = torch.rand(2, 5, 8, 8)
    other = x.clone()
    other[:, 3] += 1
    for one, two in zip(net(x), net(other), strict=True):
        assert not torch.isclose(one, two)[one > 0].any()


@pytest.mark.parametrize(
    ("shape", "options", "message"),
    [
        ((3, 32, 32), {}, r"10 \+ 6 k pixels a side \(the paper's 28 = 10 \+ 6 \* 3\), got 32 x 32"),
        ((1, 8, 8), {}, "got 8 x 8"),
        ((1, 28, 22), {}, "got 28 x 22"),
        ((1, 16, 16), {}, "at most 2 widths, got 3"),
        ((1, 28, 28), {"widths": ()}, "at least 1"),
        ((1, 28, 28), {"widths": (4, 0)}, "at least 1"),
        ((1, 28, 28), {"stride": 0}, "at least 1"),
        ((1, 28, 28), {"field": 9}, r"9 \+ 6 k pixels"),
    ],
)
def test_what_does_not_fit_is_refused(shape: tuple[int, int, int], options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MODELS["local_fields"](shape, **options)
