"""What the C library does with memory that a step has used and the next one needs again.

glibc gives it back to the system at once where there is much of it, and the system hands out new
pages and fills them with zeros: a seventh of the time of a large decoder on a CPU went into that.
Programs of their own say whether they want to keep it; a library that is imported does not. Those
that rest for a while may give it back.
"""

import ctypes
import gc
import os
import sys

M_MMAP_THRESHOLD, M_TRIM_THRESHOLD = -3, -1  # of glibc's malloc.h
LARGE = (128 << 20, 32 << 20)  # bytes: what is larger is given back at once; older glibc take less
SPARE = 256 << 20  # bytes that may lie unused at the end of each of its pools
VARIABLES = ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "GLIBC_TUNABLES")


def keep_memory() -> None:
    """Let this process keep up to 256 MB for each pool of memory that it does not need just now.

    For programs that run models on a CPU; the command line and the editor call it. Does nothing
    where the C library is another one, or where the environment says how it is to be.
    """
    if not sys.platform.startswith("linux") or any(name in os.environ for name in VARIABLES):
        return
    set_option = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none
    # The second option alone would fix the first one where it is at the start, at 128 kB.
    if set_option and any(set_option(M_MMAP_THRESHOLD, num_bytes) for num_bytes in LARGE):
        set_option(M_TRIM_THRESHOLD, SPARE)


def give_back() -> None:
    """Give the system what this process keeps and does not use; takes a fifth of a second.

    That is nearly all Python's, which looks for what only holds itself, such as a finished request
    of a server, seldom by itself where there are many objects. The C library gives nothing back
    where it is another one than glibc.
    """
    gc.collect()
    if not sys.platform.startswith("linux"):
        return
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # musl has none
    if trim:
        trim(0)
