"""The processes of a run, one or those that `torchrun` started, and the device of each.

Only this file reads torchrun's environment.
"""

import contextlib
import gc
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import NoReturn

import torch
import torch.distributed as dist

from convff import DataParallel, OneProcess, Processes
from experiments.config.settings import SettingsError

# Other processes wait this long while the first one judges; a process that ends is noticed at once.
PATIENCE = timedelta(minutes=30)
DEVICE_TYPES = ("cpu", "cuda", "mps")


def local_rank() -> int | None:
    """Return the rank of this process on its machine; None if there is only one process."""
    return int(os.environ["LOCAL_RANK"]) if "TORCHELASTIC_RUN_ID" in os.environ or "WORLD_SIZE" in os.environ else None


def local_size() -> int:
    """Return the number of processes of the run on this machine, as far as known: not every launcher tells."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", (local_rank() or 0) + 1))


def device_named(name: str) -> torch.device:
    """Return the device that `--device` names, for this process.

    Raises:
        SettingsError: the device is not available, or belongs to another process.

    Example:
        >>> device_named("cpu")
        device(type='cpu')
    """
    automatic = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(automatic if name == "auto" else name)
        if device.type not in DEVICE_TYPES:
            raise RuntimeError(f"known are {', '.join(DEVICE_TYPES)}")
        if device.type == "cuda":
            device = torch.device("cuda", _gpu_index(device.index))
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise SettingsError(f"--device {name} cannot be used here: {str(error).splitlines()[0]}") from error
    return device


def _gpu_index(named: int | None) -> int:
    """Return the index of the named GPU, or 0; under torchrun each process of a machine has its own."""
    rank = local_rank()
    if rank is None:
        return named or 0
    if named not in (None, rank):
        raise RuntimeError(f"process {rank} of this machine computes on cuda:{rank}; --device cuda gives each its own")
    if torch.cuda.device_count() < local_size():
        raise RuntimeError(
            f"every process needs a GPU of its own; this machine has {torch.cuda.device_count()} for its "
            f"{local_size()} processes (--nproc-per-node)"
        )
    return rank


@contextlib.contextmanager
def processes(device: torch.device) -> Iterator[Processes]:
    """Join the processes that torchrun started, and leave them at the end; this process alone without torchrun.

    After an error among several processes the group is not destroyed: that may wait forever for a process that is gone,
    as was seen with Gloo of torch 2.5. `leave` ends such a process.

    Args:
        device: where this process computes; NCCL carries the sums between GPUs, Gloo between CPUs.

    Raises:
        LostProcessError: (at the end) another process is gone.
    """
    if local_rank() is None:
        yield OneProcess()
        return
    if device.type == "cuda":
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=PATIENCE)
    failed = True
    try:
        group = DataParallel()
        yield group
        group.wait()  # no process may close its sockets while another waits for the last sum
        failed = False
    finally:
        if not failed or dist.get_world_size() == 1:
            dist.destroy_process_group()
            gc.collect()  # Gloo's threads end with the last reference; alive at the interpreter's end, they abort it


def leave(code: int) -> NoReturn:
    """End this process with an exit code; at once if an error left a group of processes open."""
    if dist.is_initialized():
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def start_processes(arguments: list[str], count: int, *, stderr: int | None = None) -> list[subprocess.Popen[str]]:
    """Start a Python program in several processes that find each other, as torchrun does, but without watching them.

    Args:
        arguments: the arguments of `python`; the working directory is the one that holds this package.
        count: number of processes, one thread each.
        stderr: `subprocess.PIPE` to capture the messages; by default they are printed.

    Returns:
        The processes by rank; what they print is captured.

    Example:
        >>> started = start_processes(["-c", "import os; print(os.environ['RANK'])"], 2)
        >>> [process.communicate()[0].strip() for process in started]
        ['0', '1']
    """
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port = str(probe.getsockname()[1])
    common = {"MASTER_ADDR": "localhost", "MASTER_PORT": port, "WORLD_SIZE": str(count), "OMP_NUM_THREADS": "1"}
    return [
        subprocess.Popen(
            [sys.executable, *arguments],
            env=os.environ | common | {"RANK": str(rank), "LOCAL_RANK": str(rank)},
            cwd=Path(__file__).parent.parent.parent,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )
        for rank in range(count)
    ]
