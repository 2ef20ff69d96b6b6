"""Keep freed memory in the process instead of returning it to the system.

glibc gives every large tensor pages of its own and returns them when the tensor is freed. So each step gets its memory anew,
zeroed page by page. On a CPU, this took 4 to 10 % of a training step (`python -m benchmarks.step --return-memory`).
"""

from __future__ import annotations

import ctypes

TRIM_THRESHOLD, TOP_PAD, MMAP_THRESHOLD = -1, -2, -3  # parameters of mallopt, as in glibc's malloc.h
MOST = 2**31 - 1  # bytes, the largest that mallopt takes
GROW_BY = 64 * 2**20  # bytes


def keep_freed_memory() -> bool:
    """Make this process keep what it frees, for its own next tensors. Returns False where the C library is not glibc.

    For a process that only trains: its memory stays as large as it has ever been.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # macOS, musl; Windows has no name for the program itself
        return False
    return all(
        mallopt(name, size) == 1 for name, size in ((MMAP_THRESHOLD, MOST), (TRIM_THRESHOLD, MOST), (TOP_PAD, GROW_BY))
    )
