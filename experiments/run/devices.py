"""Where this process computes."""

import torch

from experiments.config.settings import SettingsError
from experiments.run.torchrun import local_rank, local_size

KINDS = ("cpu", "cuda", "mps")


def device_named(name: str) -> torch.device:
    """The device that `--device` names, for this process.

    Raises:
        SettingsError: it is not there, or is not this process's own.
    """
    automatic = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(automatic if name == "auto" else name)
        if device.type not in KINDS:
            raise RuntimeError(f"known are {', '.join(KINDS)}")
        if device.type == "cuda":
            device = torch.device("cuda", _gpu_index(device.index))
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise SettingsError(f"--device {name} cannot be used here: {str(error).splitlines()[0]}") from error
    return device


def _gpu_index(named: int | None) -> int:
    """The GPU that was named, or the first; of the processes that torchrun started on a machine, each has its own."""
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
