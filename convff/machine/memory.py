"""How much memory is free, to refuse what would not fit before hours of work."""

from pathlib import Path

import torch

FREE_SHARE = 0.5  # of the free memory that one tensor may take


def free_memory(device: torch.device) -> int | None:
    """Return the free bytes of a device, or of the machine for the CPU; None if the system does not tell.

    Example:
        >>> free = free_memory(torch.device("cpu"))
        >>> free is None or free > 0
        True
    """
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    found = [line.split() for line in lines if line.startswith("MemAvailable:")]
    return 1024 * int(found[0][1]) if found else None


def require_memory(needed: int, device: torch.device, what: str) -> None:
    """Raise if something takes more than half of the free memory of a device.

    Args:
        needed: its bytes.
        device: where it will be.
        what: what needs it, and what to do, in words for the message.

    Raises:
        ValueError: it takes more.

    Example:
        >>> require_memory(1024, torch.device("cpu"), "a kilobyte")
    """
    free = free_memory(device)
    if free is not None and needed > FREE_SHARE * free:
        raise ValueError(
            f"{what} must take at most half of the free memory, {FREE_SHARE * free / 1e9:.1f} GB, "
            f"got {needed / 1e9:.1f} GB"
        )
