"""The processes of a run: one, or those that `torchrun` started. It alone reads torchrun's environment."""

import contextlib
import gc
import os
from collections.abc import Iterator
from datetime import timedelta

import torch
import torch.distributed as dist

from convff.parallel import DataParallel, OneProcess, Processes

# Other processes wait this long while the first one judges; a process that ends is noticed at once.
PATIENCE = timedelta(minutes=30)


def local_rank() -> int | None:
    """Which of this machine's processes this is; None where there is only one."""
    return int(os.environ["LOCAL_RANK"]) if "TORCHELASTIC_RUN_ID" in os.environ or "WORLD_SIZE" in os.environ else None


@contextlib.contextmanager
def processes(device: torch.device) -> Iterator[Processes]:
    """Join the processes that torchrun started, and leave them at the end; this process alone without torchrun.

    Args:
        device: where this process computes; NCCL carries the sums between GPUs, Gloo between CPUs.
    """
    if local_rank() is None:
        yield OneProcess()
        return
    if device.type == "cuda":
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=PATIENCE)
    try:
        yield DataParallel()
        dist.barrier()  # none may take its sockets away while another still waits for the last sum
    finally:
        dist.destroy_process_group()
        gc.collect()  # Gloo's threads end with the last reference; alive at the interpreter's end, they abort it
