"""Memory between two steps: kept, unless it is much or the environment says otherwise."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

PAGES = """
import ctypes, resource
from maskgit.memory import keep_memory

keep_memory()
glibc = ctypes.CDLL(None)
glibc.malloc.restype, glibc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
glibc.free.argtypes = [ctypes.c_void_p]

def touch(num_bytes):
    taken = glibc.malloc(num_bytes)
    ctypes.memset(taken, 1, num_bytes)
    glibc.free(taken)

def new_pages(num_bytes, times=8):
    touch(num_bytes)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(times):
        touch(num_bytes)
    return (resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) * 4096 / times / num_bytes

print(new_pages(16 << 20), new_pages(512 << 20, 2))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's own")
@pytest.mark.parametrize("is_said", [False, True])
def test_memory_of_a_step_is_kept_for_the_next_one_and_half_a_gigabyte_is_not(
    is_said: bool,
) -> None:
    said = {"MALLOC_TRIM_THRESHOLD_": "65536", "MALLOC_MMAP_THRESHOLD_": "65536"}
    environment = {**os.environ, **(said if is_said else {})}
    done = subprocess.run(
        [sys.executable, "-c", PAGES],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    of_a_step, of_very_much = map(float, done.stdout.split())
    anew = 0.001  # as a share of the bytes: pages may be of 2 MB
    assert (of_a_step > anew) == is_said
    assert of_very_much > anew


REST = """
import ctypes, gc
from maskgit.memory import give_back, keep_memory

keep_memory()
glibc = ctypes.CDLL(None)
glibc.malloc.restype, glibc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
glibc.free.argtypes = [ctypes.c_void_p]

def resident_mb():
    status = open("/proc/self/status").read()
    return int(status.split("VmRSS:")[1].split()[0]) >> 10

before = resident_mb()
taken = [glibc.malloc(1 << 20) for _ in range(100)]
for each in taken:
    ctypes.memset(each, 1, 1 << 20)
for each in taken[:-1]:  # the last one lies over the others, so that nothing goes by itself
    glibc.free(each)
print(resident_mb() - before)
give_back()
print(resident_mb() - before)

gc.disable()  # as if nothing had been looked for yet
holds_itself = [b"1" * (50 << 20)]
holds_itself.append(holds_itself)
del holds_itself
print(resident_mb() - before)
give_back()
print(resident_mb() - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's own")
def test_a_program_that_rests_gives_back_what_it_kept() -> None:
    done = subprocess.run(
        [sys.executable, "-c", REST], cwd=ROOT, capture_output=True, text=True, check=True
    )
    kept, after, held, at_last = map(int, done.stdout.split())
    assert kept > 90
    assert after < 10
    assert held > 45
    assert at_last < 10
