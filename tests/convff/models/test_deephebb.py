"""DeepHebb in its two forms: SoftHebb's and that of Global-guided Hebbian learning."""

import pytest
import torch
from torch import nn

from convff import PaddedNorm, Triangle, deephebb


@torch.no_grad()
def test_the_published_network() -> None:
    net = deephebb((3, 32, 32))
    assert [tuple(block.layer.weight.shape) for block in net] == [(96, 3, 5, 5), (384, 96, 3, 3), (1536, 384, 3, 3)]
    assert all(block.layer.bias is None and block.activation is None for block in net)
    assert all(isinstance(block.norm, nn.BatchNorm2d) for block in net)
    kinds = [type(block.pool).__name__ for block in net]
    assert kinds == ["MaxPool2d", "MaxPool2d", "AvgPool2d"]
    for block in net:
        he = (2 / block.layer.weight[0].numel()) ** 0.5
        assert block.layer.weight.std() == pytest.approx(he, rel=0.05)


@torch.no_grad()
def test_softhebbs_form_has_the_same_maps() -> None:
    options = {"activation": "triangle", "padding": "reflect", "init_radius": 25.0}
    one, other = (deephebb((3, 32, 32), widths=(4, 6, 8), **more) for more in ({}, options))  # type: ignore[arg-type]
    images = torch.rand(2, 3, 32, 32)
    assert [a.shape for a in one(images)] == [a.shape for a in other(images)]
    assert [tuple(a.shape[1:]) for a in other(images)] == [(4, 32, 32), (6, 16, 16), (8, 8, 8)]
    assert all(isinstance(block.norm, PaddedNorm) and block.layer.padding == (0, 0) for block in other)
    assert [block.activation.power for block in other if isinstance(block.activation, Triangle)] == [0.7, 1.4, 1.0]


@torch.no_grad()
def test_filters_have_the_radius() -> None:
    net = deephebb((3, 32, 32), init_radius=25.0)
    for block in net:
        lengths = block.layer.weight.flatten(1).norm(dim=1)
        assert lengths.mean() == pytest.approx(25, rel=0.05)


def test_shorter_networks_take_the_mean_first() -> None:
    pools = [[type(block.pool).__name__ for block in deephebb((3, 32, 32), widths=widths)] for widths in ((4,), (4, 5))]
    assert pools == [["AvgPool2d"], ["AvgPool2d", "AvgPool2d"]]


def test_labels_can_be_beside_every_block() -> None:
    net = deephebb((5, 16, 16), widths=(4, 6), label_channels=2)
    assert [block.layer.in_channels for block in net] == [5, 6]
    assert len(net(torch.rand(2, 5, 16, 16))) == 2


@pytest.mark.parametrize(
    ("shape", "options", "message"),
    [
        ((3, 32, 32), {"widths": ()}, "1 to 3 convolutions, got 0"),
        ((3, 32, 32), {"widths": (1, 2, 3, 4)}, "1 to 3 convolutions, got 4"),
        ((3, 32, 32), {"activation": "tanh"}, "relu or triangle, padding zeros or reflect, got 'tanh'"),
        ((3, 32, 32), {"padding": "same"}, "got 'relu' and 'same'"),
        ((3, 32, 32), {"activation": "triangle", "powers": (1.0,)}, "a power is needed for each of 3 blocks, got 1"),
        ((3, 32, 32), {"init_radius": 0.0}, "init_radius must be positive, got 0.0"),
        ((3, 7, 32), {}, "images of 7 x 32 are too small for 3 blocks"),
        ((3, 2, 2), {"widths": (4,)}, "images of 2 x 2 are too small"),
    ],
)
def test_what_does_not_fit_is_refused(shape: tuple[int, int, int], options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        deephebb(shape, **options)  # type: ignore[arg-type]


@torch.no_grad()
@pytest.mark.parametrize("size", [8, 28])
def test_small_images_fit(size: int) -> None:
    net = deephebb((1, size, size), widths=(2, 3, 4), padding="reflect")
    assert net(torch.rand(2, 1, size, size))[-1].shape[2] == size // 4
