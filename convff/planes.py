"""Images with constant planes beside them, such as one-hot labels: K planes that are never laid out, nor convolved.

A plane that has one value v_nk at every position of row n adds `v_nk` times a sum of kernel weights to the output of a
convolution: of all weights inside the map, and of fewer near its borders, where some see the padding. With M(r, u) =
1 where tap u of the kernel sees the map from output row r, and likewise for columns,

    z[n, o, r, c] += sum_k v[n, k] S[k, r, c, o]            S[k, r, c, o] = sum_uv M(r, u) M(c, v) W[o, k, u, v]
    dW[o, k, u, v] = sum_n v[n, k] sum_rc M(r, u) M(c, v) post[n, o, r, c]

Only a few rows near a border differ from the others. So S is computed once for each *run* of equal rows and columns,
3 x 3 of them for a kernel of 3, and `post` is summed over each run. Both are small matrix products.

Legend as in `convff.functional`; K planes; T runs along an axis.
"""

from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor


class Runs(NamedTuple):
    """Neighbouring output positions along one axis whose kernel sees the map with the same taps.

    Args:
        bounds: start and stop of each run, in order; together they are all positions.
        taps: which taps of the kernel see the map, 0 or 1, float64 `[T, k]`.
    """

    bounds: tuple[tuple[int, int], ...]
    taps: Tensor


@cache
def runs(size: int, kernel: int, stride: int = 1, padding: int = 0, dilation: int = 1) -> Runs:
    """Return the runs of a convolution along one axis.

    Args:
        size: positions of the input.
        kernel: side of the kernel, in taps.
        stride: of the convolution.
        padding: zeros on each side.
        dilation: of the kernel.

    Example:
        >>> found = runs(5, kernel=3, padding=1)
        >>> found.bounds, found.taps.tolist()
        (((0, 1), (1, 4), (4, 5)), [[0.0, 1.0, 1.0], [1.0, 1.0, 1.0], [1.0, 1.0, 0.0]])
    """
    outputs = (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1
    seen = torch.arange(outputs)[:, None] * stride - padding + torch.arange(kernel) * dilation
    inside = (seen >= 0) & (seen < size)
    starts = [0, *(r for r in range(1, outputs) if not torch.equal(inside[r], inside[r - 1]))]
    return Runs(tuple(zip(starts, [*starts[1:], outputs], strict=True)), inside[starts].double())


class Geometry(NamedTuple):
    """The runs of a convolution along both axes."""

    rows: Runs
    columns: Runs

    @classmethod
    def of(
        cls,
        size: tuple[int, int],
        kernel: tuple[int, int],
        stride: tuple[int, int],
        padding: tuple[int, int],
        dilation: tuple[int, int],
    ) -> "Geometry":
        """Return the runs of a convolution of maps of a size; all numbers as height and width.

        Example:
            >>> geometry = Geometry.of((8, 8), (1, 3), (1, 2), (0, 1), (1, 1))
            >>> geometry.rows.bounds, geometry.columns.bounds
            (((0, 8),), ((0, 1), (1, 4)))
        """
        return cls(*(runs(*axis) for axis in zip(size, kernel, stride, padding, dilation, strict=True)))


def plane_response(values: Tensor, weight: Tensor, geometry: Geometry) -> Tensor:
    """Return what constant planes add to a convolution: `u[n, i, j, o]`, the same at all positions of runs i and j.

    Args:
        values: of the planes, `[N, K]`.
        weight: of the planes, `[O, K, kh, kw]`.
        geometry: the runs of the convolution.

    Returns:
        `[N, Th, Tw, O]`, in the dtype of the values.

    Example:
        >>> weight, geometry = torch.ones(1, 1, 3, 3), Geometry(*[runs(5, kernel=3, padding=1)] * 2)
        >>> plane_response(torch.tensor([[2.0]]), weight, geometry)[0, :, :, 0].tolist()
        [[8.0, 12.0, 8.0], [12.0, 18.0, 12.0], [8.0, 12.0, 8.0]]
    """
    rows, columns = (axis.taps.to(values) for axis in geometry)
    sums = torch.einsum("iu,okuv,jv->kijo", rows, weight.to(values), columns)
    response: Tensor = (values @ sums.flatten(1)).unflatten(1, sums.shape[1:])
    return response


def run_sums(post: Tensor, geometry: Geometry) -> Tensor:
    """Sum maps over each run of rows and columns.

    Args:
        post: `[N, O, H', W']`.
        geometry: the runs of the convolution.

    Returns:
        `[N, Th, Tw, O]`, in float32 or better.

    Example:
        >>> geometry = Geometry(*[runs(5, kernel=3, padding=1)] * 2)
        >>> run_sums(torch.ones(1, 1, 5, 5), geometry)[0, :, :, 0].tolist()
        [[1.0, 3.0, 1.0], [3.0, 9.0, 3.0], [1.0, 3.0, 1.0]]
    """
    dtype = torch.promote_types(post.dtype, torch.float32)
    by_row = [
        torch.stack([post[:, :, r:s, c:d].sum(dim=(2, 3), dtype=dtype) for c, d in geometry.columns.bounds], dim=1)
        for r, s in geometry.rows.bounds
    ]
    return torch.stack(by_row, dim=1)


def plane_direction(values: Tensor, sums: Tensor, geometry: Geometry) -> Tensor:
    """Return the outer product of constant planes with a convolution's gated activity, `[O, K, kh, kw]`.

    Args:
        values: of the planes, `[N, K]`.
        sums: of the gated activity over runs, `[N, Th, Tw, O]`; see `run_sums`.
        geometry: the runs of the convolution.

    Returns:
        in the dtype of the sums.

    Example:
        >>> geometry = Geometry(*[runs(5, kernel=3, padding=1)] * 2)
        >>> sums = run_sums(torch.ones(1, 1, 5, 5), geometry)
        >>> plane_direction(torch.tensor([[2.0]]), sums, geometry)[0, 0].tolist()
        [[32.0, 40.0, 32.0], [40.0, 50.0, 40.0], [32.0, 40.0, 32.0]]
    """
    rows, columns = (axis.taps.to(sums) for axis in geometry)
    by_run = (values.to(sums.dtype).T @ sums.flatten(1)).unflatten(1, sums.shape[1:])  # (K, Th, Tw, O)
    return torch.einsum("iu,kijo,jv->okuv", rows, by_run, columns)


def spread_over_runs(shared: Tensor, response: Tensor, geometry: Geometry) -> Tensor:
    """Add the response of planes to the convolution of the images, which P rows in a row share.

    Args:
        shared: the convolution of B images `[B, O, H', W']`.
        response: what the planes add in each run, `[B P, Th, Tw, O]`.
        geometry: the runs of the convolution.

    Returns:
        `[B P, O, H', W']`, channels last in memory.

    Example:
        >>> geometry = Geometry(*[runs(2, kernel=1)] * 2)
        >>> spread_over_runs(torch.ones(1, 1, 2, 2), torch.tensor([1.0, 2.0]).view(2, 1, 1, 1), geometry).flatten(1)
        tensor([[2., 2., 2., 2.],
                [3., 3., 3., 3.]])
    """
    images = shared.permute(0, 2, 3, 1).flatten(2)[:, None]  # (B, 1, H', W' O)
    widths = torch.tensor([d - c for c, d in geometry.columns.bounds], device=shared.device)
    rows = response.to(shared.dtype).repeat_interleave(widths, dim=2, output_size=shared.shape[3])  # (B P, Th, W', O)
    rows = rows.flatten(2).unflatten(0, (len(shared), -1))[:, :, :, None]  # (B, P, Th, 1, W' O): long rows are fast
    whole = shared.new_empty(*rows.shape[:2], *images.shape[2:])
    for run, (r, s) in enumerate(geometry.rows.bounds):
        torch.add(images[:, :, r:s], rows[:, :, run], out=whole[:, :, r:s])
    by_position: Tensor = whole.flatten(0, 1).unflatten(2, (shared.shape[3], -1))
    return by_position.permute(0, 3, 1, 2)
