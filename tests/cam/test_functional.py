"""The equations, region by region and position by position."""

import pytest
import torch

from cam.functional import position_weights, spread_to_image


def slow_pooling(size: int, grid: int) -> list[range]:
    """The positions of each region of adaptive pooling, as PyTorch defines them: floor(in/g) to ceil((i+1)n/g)."""
    return [range(i * size // grid, -((-(i + 1) * size) // grid)) for i in range(grid)]


@pytest.mark.parametrize("size", [3, 4, 7, 14])
@pytest.mark.parametrize("grid", [1, 2, 3, 4, None])
def test_position_weights_are_the_regions_transposed(size: int, grid: int | None) -> None:
    """Region by region, position by position; 4 regions of 7 or 14 positions overlap."""
    side = size if grid is None else min(grid, size)
    v = torch.rand(2, 3 * side * side, dtype=torch.float64)
    expected = torch.zeros(2, 3, size, size, dtype=torch.float64)
    for i, rows in enumerate(slow_pooling(size, side)):
        for j, columns in enumerate(slow_pooling(size, side)):
            for y in rows:
                for x in columns:
                    expected[:, :, y, x] += v.view(2, 3, side, side)[:, :, i, j] / (len(rows) * len(columns))
    torch.testing.assert_close(position_weights(v, (size, size), grid), expected, rtol=1e-13, atol=0)


@pytest.mark.parametrize("size", [(3, 5), (7, 7), (14, 14)])
@pytest.mark.parametrize("image", [(14, 14), (28, 31)])
def test_spreading_keeps_the_sum_and_the_place(size: tuple[int, int], image: tuple[int, int]) -> None:
    maps = torch.rand(2, *size, dtype=torch.float64) - 0.5
    spread = spread_to_image(maps, image)
    assert spread.shape == (2, *image)
    torch.testing.assert_close(spread.sum(dim=(1, 2)), maps.sum(dim=(1, 2)), rtol=1e-12, atol=1e-12)
    corner = torch.zeros(1, *size, dtype=torch.float64)
    corner[0, -1, 0] = 1
    y, x = divmod(int(spread_to_image(corner, image).argmax()), image[1])
    assert y > image[0] * 0.7
    assert x < image[1] * 0.3
