"""Keeping freed memory on a CPU, so that a step does not ask the system for the same pages again and again."""

import ctypes
import platform

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # malloc.h


def keep_freed_memory() -> bool:
    """Tell the C library to keep freed memory for the next step; for a whole process, so only a program should call it.

    By default glibc hands every block above 32 MiB back to the system when it is freed. The next one then costs a page
    fault for each 4 KiB: measured here, eight times as long as the multiplication that fills it. PyTorch's allocator on
    a GPU keeps freed memory anyway.

    Returns:
        whether the C library could be told: only glibc knows how.

    Example:
        >>> keep_freed_memory() == (platform.libc_ver()[0] == "glibc")
        True
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    return bool(mallopt(M_MMAP_MAX, 0)) and bool(mallopt(M_TRIM_THRESHOLD, 2**31 - 1))
