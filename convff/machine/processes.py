"""Several processes, one run: each takes its share of every batch, and blocks sum their directions.

A block's direction needs nothing of the blocks above it, so it is summed while the next block computes; with
backpropagation the backward pass would have to finish first. Every process draws the same batches, labels and
augmentations from the keyed generators, so the same global batch gives the same run, whatever the number of processes.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn

from convff.network import LayerLocalNet
from convff.norms import PaddedNorm


class LostProcessError(RuntimeError):
    """Another process of the run ended or no longer answers."""


@dataclass(frozen=True)
class Shard:
    """The part of a global batch that one process takes.

    Args:
        rows: the rows of the batch.
        of_mean: weight of this shard's mean over images in the global mean.
        of_sum: weight of this shard's sum over images in the global sum.

    Example:
        >>> Shard(slice(0, 3), of_mean=0.75, of_sum=1.0).weight("mean")
        0.75
    """

    rows: slice
    of_mean: float
    of_sum: float

    def weight(self, reduction: str) -> float:
        """Return the weight of a "mean" or a "sum" over the images of this shard."""
        return self.of_mean if reduction == "mean" else self.of_sum


class Processes(Protocol):
    """The processes that take part in a run, as seen by one of them."""

    size: int
    rank: int

    def shard(self, images: int) -> Shard:
        """Return the part of a batch that this process takes."""
        ...

    def start_sum(self, tensors: Iterable[Tensor], weight: float) -> Callable[[], None]:
        """Begin to sum `weight * tensor` over all processes, in place; return a function that waits for it."""
        ...

    def prepare(self, net: LayerLocalNet) -> None:
        """Prepare a network: equal weights in all processes, statistics of the whole batch in batch norm."""
        ...

    def wait(self) -> None:
        """Wait until every process gets here."""
        ...

    def gather(self, item: Any) -> list[Any]:
        """Return the item of every process, by rank; items must be small and picklable."""
        ...


class OneProcess:
    """A run of one process: there is nothing to sum.

    Example:
        >>> OneProcess().gather("mine")
        ['mine']
    """

    size = 1
    rank = 0

    def shard(self, images: int) -> Shard:
        """Return the whole batch."""
        return Shard(slice(None), 1.0, 1.0)

    def start_sum(self, tensors: Iterable[Tensor], weight: float) -> Callable[[], None]:
        """No-op: there is only one process."""
        return _nothing

    def prepare(self, net: LayerLocalNet) -> None:
        """No-op: there is only one process."""

    def wait(self) -> None:
        """No-op: there is only one process."""

    def gather(self, item: Any) -> list[Any]:
        """Return the item alone."""
        return [item]


def _nothing() -> None:
    """No-op."""


class DataParallel:
    """The processes of an initialised `torch.distributed` group, started by `torchrun`.

    Raises:
        RuntimeError: there is no process group.
    """

    def __init__(self) -> None:
        self.size = dist.get_world_size()
        self.rank = dist.get_rank()

    def shard(self, images: int) -> Shard:
        """Return an even part; the whole batch if there are not two images for each process, as batch norm needs."""
        if images < 2 * self.size:
            return Shard(slice(None), 1 / self.size, 1 / self.size)
        bounds = [images * rank // self.size for rank in range(self.size + 1)]
        start, stop = bounds[self.rank], bounds[self.rank + 1]
        return Shard(slice(start, stop), (stop - start) / images, 1.0)

    def start_sum(self, tensors: Iterable[Tensor], weight: float) -> Callable[[], None]:
        """Sum all tensors by one flat all-reduce; return a function that waits for it.

        Raises:
            LostProcessError: (here or on waiting) another process is gone.
        """
        parts = list(tensors)
        flat = torch.cat([part.flatten() for part in parts]).mul_(weight)
        work = _all_reduce(flat)

        def finish() -> None:
            _wait(work)
            pieces = flat.split([part.numel() for part in parts])
            for part, piece in zip(parts, pieces, strict=True):
                part.copy_(piece.view(part.shape))

        return finish

    def prepare(self, net: LayerLocalNet) -> None:
        """Copy rank 0's weights and statistics to all processes; make batch norm use the whole batch.

        Raises:
            LostProcessError: another process is gone.
        """
        for block in net:
            holder = block.norm if isinstance(block.norm, PaddedNorm) else block
            if type(holder.norm) is nn.BatchNorm2d:
                holder.norm = SyncedBatchNorm2d.like(holder.norm)
        for tensor in (*net.parameters(), *net.buffers()):
            flat = tensor.detach().contiguous()
            _with_all(dist.broadcast, flat, 0)
            tensor.detach().copy_(flat)

    def wait(self) -> None:
        """Wait until every process gets here.

        Raises:
            LostProcessError: another process is gone.
        """
        _with_all(dist.barrier)

    def gather(self, item: Any) -> list[Any]:
        """Return the items of all processes, by rank.

        Raises:
            LostProcessError: another process is gone.
        """
        items: list[Any] = [None] * self.size
        _with_all(dist.all_gather_object, items, item)
        return items


def _all_reduce(flat: Tensor) -> dist.Work:
    work: dist.Work | None = _with_all(dist.all_reduce, flat, async_op=True)
    assert work is not None
    return work


def _wait(work: dist.Work) -> None:
    _with_all(work.wait)


def _with_all(collective: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """Return the result of a collective operation; raise `LostProcessError` if a process is gone."""
    try:
        return collective(*arguments, **options)
    except RuntimeError as error:
        reason = str(error).splitlines()[0]
        raise LostProcessError(f"another process of this run ended or no longer answers ({reason})") from error


class SyncedBatchNorm2d(nn.BatchNorm2d):
    """Batch norm without learned parameters over the images of all processes, on any device.

    `torch.nn.SyncBatchNorm` needs a GPU. No gradient passes through: local rules need none.
    """

    @classmethod
    def like(cls, norm: nn.BatchNorm2d) -> "SyncedBatchNorm2d":
        """Return a synced norm with the same settings, which shares the running statistics."""
        synced = cls(norm.num_features, eps=norm.eps, momentum=norm.momentum, affine=False)
        synced.running_mean, synced.running_var = norm.running_mean, norm.running_var
        synced.num_batches_tracked = norm.num_batches_tracked
        return synced.train(norm.training)

    @torch.no_grad()
    def forward(self, x: Tensor) -> Tensor:
        """Normalise `[N, C, H, W]`: by the statistics of all processes' images in training, else by running ones."""
        if not self.training:
            return super().forward(x)
        mean, variance, count = _global_statistics(x)
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        self.num_batches_tracked.add_(1)
        share = 1 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean, share)
        self.running_var.lerp_(variance * (count / (count - 1)), share)
        return F.batch_norm(x, mean, variance, eps=self.eps)


def _global_statistics(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return mean and biased variance `[C]` over the images of all processes, and the number of values per channel.

    They combine each process's mean, variance and count (Chan, Golub & LeVeque 1979): no difference of large squares.
    """
    local_mean, local_variance = torch.batch_norm_update_stats(x.float(), None, None, 0.0)
    local = torch.cat([local_mean, local_variance, local_mean.new_full((1,), x.numel() / x.shape[1])])
    everyones = list(local.new_empty(dist.get_world_size(), len(local)))
    _with_all(dist.all_gather, everyones, local)  # the one form that no torch from 2.5 to 2.14 deprecates
    means, variances, counts = torch.stack(everyones).double().split([x.shape[1], x.shape[1], 1], dim=1)
    shares = counts / counts.sum()
    mean = (shares * means).sum(dim=0)
    variance = (shares * (variances + (means - mean).square())).sum(dim=0)
    return mean.float(), variance.float(), counts.sum().float()
