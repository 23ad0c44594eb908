"""Reflected borders: the block's output is that of a convolution with reflection."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from convff import Block, LengthNorm, PaddedNorm, keyed_generator, mlp
from convff.norms import activity_normalise


def drawn(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=keyed_generator(0, "norms"), dtype=torch.float64)


@pytest.mark.parametrize(("kernel", "stride"), [(3, 1), (5, 2)])
def test_a_block_is_a_convolution_with_reflection(kernel: int, stride: int) -> None:
    layer = nn.Conv2d(2, 3, kernel, stride=stride, bias=False).double()
    block = Block(PaddedNorm(nn.BatchNorm2d(2, affine=False).double(), kernel // 2), layer)
    x = drawn(4, 2, 6, 6)
    normalised = (x - x.mean(dim=(0, 2, 3), keepdim=True)) / (
        x.var(dim=(0, 2, 3), correction=0, keepdim=True) + 1e-5
    ).sqrt()
    padded = F.pad(normalised, (kernel // 2,) * 4, mode="reflect")
    torch.testing.assert_close(block(x), F.conv2d(padded, layer.weight, stride=stride).relu(), rtol=1e-12, atol=1e-12)


def test_label_images_have_statistics_of_their_own() -> None:
    norm = PaddedNorm(nn.BatchNorm2d(2, affine=False).double(), 1)
    block = Block(norm, nn.Conv2d(2, 3, 3).double())
    images, stream = drawn(4, 2, 6, 6), drawn(3, 2, 6, 6) * 5
    together = block.normalised(torch.cat([images, stream]), stream=3)
    alone = norm.norm.running_mean.clone()
    torch.testing.assert_close(
        together[4:], F.pad(F.batch_norm(stream, None, None, training=True), (1,) * 4, mode="reflect")
    )
    torch.testing.assert_close(alone, 0.1 * images.mean(dim=(0, 2, 3)))


def test_a_map_must_be_larger_than_its_border() -> None:
    with pytest.raises(ValueError, match="a border of 2 reflected pixels needs larger maps than 2 x 6"):
        PaddedNorm(LengthNorm(), 2)(drawn(1, 1, 2, 6))
    with pytest.raises(ValueError, match="at least 0, got -1"):
        PaddedNorm(LengthNorm(), -1)


def test_activity_normalise_divides_by_the_mean_and_keeps_silence() -> None:
    x = torch.tensor([[1.0, 3.0, 8.0], [0.0, 0.0, 0.0]], dtype=torch.float64)
    torch.testing.assert_close(activity_normalise(x), torch.tensor([[0.25, 0.75, 2.0], [0, 0, 0]], dtype=torch.float64))
    net = mlp((1, 2, 2), widths=(3, 3), norm="activity").double()
    h = next(iter(net)).normalised(torch.rand(5, 1, 2, 2, dtype=torch.float64))
    assert h.shape == (5, 4)
    torch.testing.assert_close(h.mean(dim=1), torch.ones(5, dtype=torch.float64))
