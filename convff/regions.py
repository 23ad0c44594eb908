"""Means over regions of a map, and their transpose."""

import torch
import torch.nn.functional as F
from torch import Tensor


def region_means(a: Tensor, regions: int) -> Tensor:
    """Average each channel over R x R regions of the map, as `torch.nn.AdaptiveAvgPool2d` cuts them.

    Args:
        a: activity `[N, O, H, W]`, or `[N, O]`, which has one region.
        regions: R.

    Returns:
        `[N, R, R, O]`, in float32 or better.

    Example:
        >>> region_means(torch.arange(4.0).view(1, 1, 1, 4), 1).flatten().tolist()
        [1.5]
    """
    dtype = torch.promote_types(a.dtype, torch.float32)
    if a.ndim == 2:
        return a[:, None, None].to(dtype)
    return F.adaptive_avg_pool2d(a, regions).permute(0, 2, 3, 1).to(dtype)


def refuse_uneven_regions(a: Tensor, regions: int) -> None:
    """Raise unless R x R regions divide the maps of an activity `[N, O, H, W]` evenly.

    Raises:
        ValueError: R does not divide height and width.
    """
    height, width = a.shape[2:]
    if height % regions or width % regions:
        raise ValueError(f"{regions} x {regions} regions must divide the map evenly, got a map of {height} x {width}")


def split_into_regions(a: Tensor, regions: int) -> Tensor:
    """Cut each map into R x R equal regions.

    Args:
        a: activity `[N, O, H, W]`, or `[N, O]`, which has one region of one position.
        regions: R, which must divide height and width.

    Returns:
        `[N, R, H/R, R, W/R, O]`: a view if the activity is channels last in memory, as after a convolution.

    Raises:
        ValueError: the regions do not divide the map.

    Example:
        >>> split_into_regions(torch.zeros(2, 3, 8, 4), 2).shape
        torch.Size([2, 2, 4, 2, 2, 3])
    """
    if a.ndim == 2:
        return a[:, None, None, None, None]
    refuse_uneven_regions(a, regions)
    count, channels, height, width = a.shape
    return a.permute(0, 2, 3, 1).reshape(count, regions, height // regions, regions, width // regions, channels)


def shaped_like(values: Tensor, like: Tensor) -> Tensor:
    """Return channels-last values in the shape of an activity.

    It undoes `convff.places.agreement.rows_of` and `split_into_regions`.

    Example:
        >>> a = torch.rand(2, 3, 8, 4)
        >>> torch.equal(shaped_like(split_into_regions(a, 2), a), a)
        True
    """
    if like.ndim == 2:
        return values.flatten(1)
    channels, height, width = like.shape[1:]
    return values.reshape(values.shape[0], height, width, channels).permute(0, 3, 1, 2)


def spread_over_regions(values: Tensor, a: Tensor) -> Tensor:
    """Spread one value per region over the positions of an activity: the transpose of `region_means`.

    Args:
        values: `[N, R, R, O]`, of the dtype of the activity.
        a: activity `[N, O, H, W]` or `[N, O]`.

    Returns:
        of the activity's shape; each region's value is divided by the number of its positions.

    Example:
        >>> spread_over_regions(torch.ones(1, 1, 1, 1), torch.zeros(1, 1, 1, 4)).flatten().tolist()
        [0.25, 0.25, 0.25, 0.25]
    """
    if a.ndim == 2:
        return values[:, 0, 0]
    count, regions, _, channels = values.shape
    height, width = a.shape[2:]
    if height % regions == width % regions == 0:
        each = values * (regions**2 / (height * width))
        whole = each[:, :, None, :, None].expand(-1, -1, height // regions, -1, width // regions, -1)
        return shaped_like(whole, a)
    rows, columns = (_shares(size, regions).to(values) for size in (height, width))  # (R, H) and (R, W)
    by_column = columns.T @ values  # (N, R, W, O)
    whole = rows.T @ by_column.view(count, regions, width * channels)
    return shaped_like(whole, a)


def _shares(size: int, regions: int) -> Tensor:
    """Return the weight of each of `size` positions in the mean of each region, `[R, size]`."""
    shares = torch.zeros(regions, size, dtype=torch.float64)
    for region in range(regions):
        begin, end = region * size // regions, -(-(region + 1) * size // regions)
        shares[region, begin:end] = 1 / (end - begin)
    return shares
