"""What computes: the hardware, its memory, and the versions and the commit of the code."""

import platform
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

from convff import __version__

PACKAGES = ("torch", "torchvision", "numpy")


def package_versions() -> dict[str, str | None]:
    """Find the versions of Python, of this package and of the packages that compute; None where a package has none."""
    return {"python": platform.python_version(), "convff": __version__} | {name: _version(name) for name in PACKAGES}


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:  # after a training, no missing package is worth the loss of its results
        return None


def git_commit(code: Path = Path(__file__)) -> str | None:
    """Find the commit that the code is at, with "+" if it was changed since.

    Args:
        code: a file of the code.

    Returns:
        None if the file is not tracked by the repository around it: an installed copy may lie inside somebody else's.
    """
    try:
        _git(code.parent, "ls-files", "--error-unmatch", code.name)
        return _git(code.parent, "describe", "--always", "--abbrev=40", "--dirty=+")
    except (OSError, subprocess.SubprocessError):
        return None


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=True, timeout=10)
    return done.stdout.strip()


def peak_memory_mib(device: torch.device) -> float | None:
    """Find the most memory held so far: by CUDA's allocator on its GPUs, else by the whole process; None if unknown."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    try:
        import resource  # Windows has none
    except ImportError:
        return None
    unit = 2**20 if sys.platform == "darwin" else 2**10  # ru_maxrss is in bytes there, in KiB elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def hardware(device: torch.device) -> str:
    """Name what computed."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    if device.type == "mps":
        return f"GPU of {platform.processor()} ({platform.platform()})"
    capabilities = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    return f"{torch.get_num_threads()} threads of {capabilities.get('cpu_name') or platform.processor()}"
