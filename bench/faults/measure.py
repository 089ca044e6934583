"""What this process holds: threads, descriptors, memory. Linux only, by way of /proc."""

import ctypes
import gc
import threading
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

PROC = Path("/proc/self")
KIB = 1024
M_ARENA_MAX = -8
"""Of glibc's malloc.h (mallopt(3))."""
RESET_PEAK = "5"
"""What `clear_refs` takes to begin the peak of resident memory anew (proc(5))."""


@dataclass(frozen=True)
class Holdings:
    """Named one by one, so that what is there later and was not before can be told by name."""

    threads: frozenset[threading.Thread]
    descriptors: frozenset[str]
    resident: int
    """Bytes."""
    objects: int = 0
    """What Python's garbage collector keeps track of; counted where asked for."""


def share_one_arena() -> None:
    """From here on all threads share one heap: what each keeps in its own is the allocator's affair."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, 1)


def holdings() -> Holdings:
    return Holdings(frozenset(threading.enumerate()), _descriptors(), _status("VmRSS"))


def settled_holdings() -> Holdings:
    """Once nothing is kept any more but what somebody holds: neither garbage nor memory free for reuse."""
    gc.collect()
    with suppress(OSError, AttributeError):
        # Each thread's allocator keeps what it was given back (glibc alone has this call, and this habit).
        ctypes.CDLL(None).malloc_trim(0)
    return replace(holdings(), objects=len(gc.get_objects()))


def _descriptors() -> frozenset[str]:
    """Each with what is behind it: `7 -> socket:[4711]`, where 4711 is never given twice."""
    found = set()
    for entry in (PROC / "fd").iterdir():
        try:
            found.add(f"{entry.name} -> {entry.readlink()}")
        except FileNotFoundError:
            # The one by which the folder was read.
            continue
    return frozenset(found)


def _status(field: str) -> int:
    for line in (PROC / "status").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == field:
            return int(value.split()[0]) * KIB
    raise LookupError(field)


@dataclass
class Growth:
    """How much memory something took at its worst, in bytes."""

    allocated: int = 0
    """By Python: counts what was asked for even where it was never touched."""
    resident: int = 0
    """By the whole process, libraries included."""


@contextmanager
def growth() -> Iterator[Growth]:
    """Without the garbage collector, which would tidy up behind whoever is measured."""
    grown = Growth()
    gc.disable()
    (PROC / "clear_refs").write_text(RESET_PEAK)
    before = _status("VmRSS")
    tracemalloc.start()
    try:
        yield grown
        grown.allocated = tracemalloc.get_traced_memory()[1]
        grown.resident = _status("VmHWM") - before
    finally:
        tracemalloc.stop()
        gc.enable()
