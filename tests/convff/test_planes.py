"""Constant planes in a convolution, against planes that are laid out: tap by tap, and by PyTorch's own convolution."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.grad import conv2d_weight

from convff import keyed_generator
from convff.planes import Geometry, plane_direction, plane_response, run_sums, runs, spread_over_runs

IMAGES, COPIES, PLANES, OUT = 3, 2, 4, 5
# Size of the maps, kernel, stride, padding and dilation, each as height and width.
CONVOLUTIONS = [
    ((7, 7), (3, 3), (1, 1), (1, 1), (1, 1)),
    ((7, 7), (3, 3), (2, 2), (1, 1), (1, 1)),
    ((8, 6), (3, 3), (2, 2), (1, 1), (1, 1)),
    ((8, 6), (3, 3), (1, 1), (0, 0), (1, 1)),
    ((9, 7), (5, 3), (1, 2), (2, 1), (1, 1)),
    ((9, 7), (5, 5), (1, 1), (3, 4), (1, 1)),  # rows and columns that see padding alone
    ((9, 9), (3, 3), (1, 1), (2, 2), (2, 2)),
    ((2, 2), (3, 3), (1, 1), (1, 1), (1, 1)),  # no inner position
    ((6, 6), (1, 1), (1, 1), (0, 0), (1, 1)),
    ((6, 6), (6, 6), (1, 1), (0, 0), (1, 1)),
]


def noise(name: str, *shape: int) -> Tensor:
    return torch.randn(shape, generator=keyed_generator(0, name, *shape), dtype=torch.float64)


def laid_out(values: Tensor, size: tuple[int, int]) -> Tensor:
    return values[:, :, None, None].expand(-1, -1, *size).contiguous()


@pytest.mark.parametrize(("size", "kernel", "stride", "padding", "dilation"), CONVOLUTIONS)
def test_response_and_direction_are_those_of_planes_that_are_laid_out(
    size: tuple[int, int],
    kernel: tuple[int, int],
    stride: tuple[int, int],
    padding: tuple[int, int],
    dilation: tuple[int, int],
) -> None:
    geometry = Geometry.of(size, kernel, stride, padding, dilation)
    values, weight = noise("values", IMAGES * COPIES, PLANES), noise("weight", OUT, PLANES, *kernel)
    planes = laid_out(values, size)
    plain = F.conv2d(planes, weight, None, stride, padding, dilation)
    shared = noise("shared", IMAGES, OUT, *plain.shape[2:])
    found = spread_over_runs(shared, plane_response(values, weight, geometry), geometry)
    assert (found - plain - shared.repeat_interleave(COPIES, dim=0)).abs().max() < 1e-12
    assert found.is_contiguous(memory_format=torch.channels_last)

    post = noise("post", *plain.shape)
    direction = plane_direction(values, run_sums(post, geometry), geometry)
    by_torch = conv2d_weight(planes, list(weight.shape), post, stride, padding, dilation)
    assert (direction - by_torch).abs().max() < 1e-12
    assert (run_sums(post, geometry).sum(dim=(1, 2)) - post.sum(dim=(2, 3))).abs().max() < 1e-12


@pytest.mark.parametrize(("stride", "padding"), [(1, 1), (2, 1), (2, 0), (1, 2)])
def test_against_a_slow_oracle(stride: int, padding: int) -> None:
    """Every tap of every position by itself, from the definition of a convolution with zeros around the map."""
    size, kernel = 5, 3
    values, weight = noise("values", 2, 2), noise("weight", 2, 2, kernel, kernel)
    geometry = Geometry(*[runs(size, kernel, stride, padding)] * 2)
    outputs = (size + 2 * padding - kernel) // stride + 1
    post = noise("post", 2, 2, outputs, outputs)
    z, dW = torch.zeros(2, 2, outputs, outputs, dtype=torch.float64), torch.zeros_like(weight)
    for n in range(2):
        for o in range(2):
            for r in range(outputs):
                for c in range(outputs):
                    for k in range(2):
                        for u in range(kernel):
                            for v in range(kernel):
                                y, x = r * stride - padding + u, c * stride - padding + v
                                if 0 <= y < size and 0 <= x < size:
                                    z[n, o, r, c] += values[n, k] * weight[o, k, u, v]
                                    dW[o, k, u, v] += values[n, k] * post[n, o, r, c]
    found = spread_over_runs(torch.zeros_like(z), plane_response(values, weight, geometry), geometry)
    assert (found - z).abs().max() < 1e-12
    assert (plane_direction(values, run_sums(post, geometry), geometry) - dW).abs().max() < 1e-12


def test_runs_are_few() -> None:
    assert runs(32, 3, 1, 1).bounds == ((0, 1), (1, 31), (31, 32))
    assert runs(32, 3, 2, 1).bounds == ((0, 1), (1, 16))
    assert runs(32, 5, 1, 2).bounds == ((0, 1), (1, 2), (2, 30), (30, 31), (31, 32))
    assert runs(32, 3, 1, 0).bounds == ((0, 30),)


def test_sums_of_bfloat16_are_in_float32() -> None:
    post = torch.full((1, 1, 32, 32), 1.0078125, dtype=torch.bfloat16)
    sums = run_sums(post, Geometry(*[runs(32, 3, 1, 1)] * 2))
    assert sums.dtype == torch.float32
    assert sums[0, 1, 1, 0].item() == 900 * 1.0078125
