"""FastHebb's network: the published sizes, and pixels around 0."""

import pytest
import torch
from torch import nn

from convff import fasthebb


@torch.no_grad()
def test_the_published_network() -> None:
    net = fasthebb((3, 32, 32))
    shapes = [(96, 3, 5, 5), (128, 96, 3, 3), (192, 128, 3, 3), (256, 192, 3, 3)]
    assert [tuple(block.layer.weight.shape) for block in net] == shapes
    assert [tuple(a.shape[2:]) for a in net(torch.rand(2, 3, 32, 32))] == [(28, 28), (12, 12), (10, 10), (3, 3)]
    assert all(block.layer.bias is None for block in net)
    assert [isinstance(block.norm, nn.BatchNorm2d) for block in net] == [False, True, True, True]
    for block in net:
        assert block.layer.weight.std() == pytest.approx((2 / block.layer.weight[0].numel()) ** 0.5, rel=0.05)


def test_the_first_block_sees_pixels_around_0() -> None:
    first = next(iter(fasthebb((1, 28, 28), widths=(2, 2, 2, 2))))
    x = first.normalised(torch.tensor([0.0, 0.25, 1.0]).view(3, 1, 1, 1))
    assert x.flatten().tolist() == [-1.0, -0.5, 1.0]


@pytest.mark.parametrize(
    ("shape", "options", "message"),
    [
        ((3, 32, 32), {"widths": (2, 3)}, "has 4 convolutions, got 2 widths"),
        ((3, 32, 16), {}, "images of 32 x 16 are too small for convolutions without borders"),
    ],
)
def test_what_cannot_be_built_is_refused(shape: tuple[int, int, int], options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fasthebb(shape, **options)  # type: ignore[arg-type]
