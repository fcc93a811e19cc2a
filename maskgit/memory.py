"""What the C library does with memory that a step has used and the next one needs again.

glibc gives it back to the system at once where there is much of it, and the system hands out new
pages and fills them with zeros: a fifth of the time of a large decoder on a CPU is spent on that.
Programs of their own say whether they want to keep it; a library that is imported does not.
"""

import ctypes
import os
import sys

OPTIONS = {  # of glibc: numbers in its malloc.h, and bytes, by the variables that say otherwise
    "MALLOC_MMAP_THRESHOLD_": (-3, 128 << 20),  # what is larger is given back at once
    "MALLOC_TRIM_THRESHOLD_": (-1, 256 << 20),  # so much is kept at most
}


def keep_memory() -> None:
    """Let this process keep up to 256 MB of memory that it does not need at the moment.

    For programs that run models on a CPU; the command line and the editor call it. Does nothing
    where the C library is another one, or where the environment has glibc's own variables.
    """
    set_option = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none
    if set_option is None or not sys.platform.startswith("linux"):
        return
    for variable, (option, num_bytes) in OPTIONS.items():
        if variable not in os.environ:
            set_option(option, num_bytes)
