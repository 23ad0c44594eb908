"""Keeping freed memory on a CPU, so that steps do not request the same pages from the system again and again."""

import ctypes
import platform

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # malloc.h


def keep_freed_memory() -> bool:
    """Tell the C library to keep freed memory for the next step, in the whole process: only a program should call it.

    By default glibc returns every block above 32 MiB to the system when it is freed. The next one then costs a page
    fault for each 4 KiB: measured here, eight times as long as the multiplication that fills it. PyTorch's allocator on
    a GPU keeps freed memory anyway.

    Returns:
        whether it worked: only glibc supports it.

    Example:
        >>> keep_freed_memory() == (platform.libc_ver()[0] == "glibc")
        True
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    return bool(mallopt(M_MMAP_MAX, 0)) and bool(mallopt(M_TRIM_THRESHOLD, 2**31 - 1))
