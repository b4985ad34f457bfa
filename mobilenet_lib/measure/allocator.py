"""Memory that a program keeps: without it, page faults are in the times of networks, and which has them is chance."""

from __future__ import annotations

import os
import sys

# The C library reads these when a program starts: large tensors come from memory that is not given back.
KEPT = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(2**34)}


def keep_memory() -> None:
    """Start this program again, with the same arguments, so that it keeps the memory it has once touched.

    Nothing happens where it does so already, and on systems with another C library than Linux's usual one.

    Examples
    --------
    >>> KEPT["MALLOC_MMAP_MAX_"]
    '0'
    """
    if sys.platform == "linux" and not KEPT.items() <= os.environ.items():
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], {**os.environ, **KEPT})
