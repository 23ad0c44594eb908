"""Facts about the machine and the code: hardware, memory, versions and commit."""

import platform
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

from convff import __version__

PACKAGES = ("torch", "torchvision", "numpy")


def package_versions() -> dict[str, str | None]:
    """Return the versions of Python, of this package and of the packages that compute; None for a missing package.

    Example:
        >>> package_versions()["convff"] == __version__
        True
    """
    return {"python": platform.python_version(), "convff": __version__} | {name: _version(name) for name in PACKAGES}


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:  # a missing package must not lose the results of a training
        return None


def git_commit(code: Path = Path(__file__)) -> str | None:
    """Return the commit of the code, with "+" if files were changed since.

    Args:
        code: a file of the code.

    Returns:
        None if the file is not tracked by the repository around it: an installed copy may be inside another repository.
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
    """Return the peak memory so far: of CUDA's allocator on its GPUs, else of the whole process; None if unknown."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    try:
        import resource  # Windows has none
    except ImportError:
        return None
    unit = 2**20 if sys.platform == "darwin" else 2**10  # ru_maxrss is in bytes there, in KiB elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def hardware(device: torch.device) -> str:
    """Return the name of the hardware that computes.

    Example:
        >>> "threads of" in hardware(torch.device("cpu"))
        True
    """
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    if device.type == "mps":
        return f"GPU of {platform.processor()} ({platform.platform()})"
    capabilities = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    return f"{torch.get_num_threads()} threads of {capabilities.get('cpu_name') or platform.processor()}"
