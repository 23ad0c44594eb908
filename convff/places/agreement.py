"""Agreement of the activity of images with maps of the labels: `<a_n, t_k>`."""

import torch
from torch import Tensor

from convff.outer import CACHED

exporting = getattr(torch.compiler, "is_exporting", torch.compiler.is_compiling)  # the former since PyTorch 2.7


def agreement(a: Tensor, t: Tensor) -> Tensor:
    """Return `<a_n, t_k>`, the agreement of images and labels: `[B, K]`.

    Args:
        a: activity of the images `[B, ...]`.
        t: activity or maps of the labels `[K, ...]`.

    Returns:
        in float32 or better whatever the dtype of the activity: in bfloat16 the best labels would often tie.

    Example:
        >>> agreement(torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, 0.0], [0.0, 3.0]]))
        tensor([[3., 6.]])
    """
    dtype = torch.promote_types(a.dtype, torch.float32)
    images, labels = rows_of(a), rows_of(t).to(dtype).T
    with torch.autocast(a.device.type, enabled=False):
        if exporting():
            return images.to(dtype) @ labels
        # A few images at a time: a float32 copy of the whole activity would not fit in the processor's caches.
        parts = images.split(max(1, CACHED // images.shape[1]))
        return torch.cat([part.to(dtype) @ labels for part in parts])


def rows_of(a: Tensor) -> Tensor:
    """Return an activity `[N, ...]` as `[N, n]`, channels last; a view if it is channels last in memory.

    Example:
        >>> rows_of(torch.zeros(2, 3, 4, 5)).shape
        torch.Size([2, 60])
    """
    return a.permute(0, 2, 3, 1).reshape(a.shape[0], -1) if a.ndim == 4 else a
