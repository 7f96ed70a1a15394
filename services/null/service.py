"""The Python control: no framework, the harness alone.

Each task does a counted amount of one thing (nothing, loops, memory read, sleep, CPU time, memory held), and its
outputs follow from what was done, so that the harness's own readings can be held against a truth.
"""

import mmap
import resource
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from mlfleet_sdk import I64Vector, Job, Service, device, require
from numpy.typing import NDArray

# It computes nothing, so it does that on whatever a run is on.
service = Service("null-python", "0.1.0", devices=(device(),))
# Numerical Recipes' generator: every state needs the one before, so the last one tells how many there were.
MULTIPLIER, INCREMENT, MASK = 1_664_525, 1_013_904_223, (1 << 32) - 1
# Of a buffer: 64 KiB of i64.
CHUNK = 1 << 13
# Additions between two looks at the CPU clock, about 0.2 ms.
SPINS = 4096
PAGE = 4096
MOST_UNITS, MOST_CHUNKS, MOST_MS, MOST_MIB = 1_000_000_000, 1 << 16, 60_000, 4096


@service.task("control.noop", origin="stock", kernels="none")
def noop(x: NDArray[Any]) -> Job[None]:
    """An iteration that does nothing; the payload goes back as it came, so that transport can be proved."""
    rows = len(x) if x.ndim else 1
    return Job(step=lambda: None, outputs=lambda _: {"x": x, "receipt.rows": rows})


@service.task("control.delay", origin="in_repo", kernels="none")
def delay(start: I64Vector, *, units: int, percent: int) -> Job[tuple[int, int]]:
    """Units of an interpreted loop, and a share more; each unit is one state of a generator."""
    first, total = one(start) & MASK, more("units", units, MOST_UNITS, percent)

    def step() -> tuple[int, int]:
        state, done = first, 0
        for done in range(1, total + 1):  # noqa: B007 - the last one is how many there were
            state = (state * MULTIPLIER + INCREMENT) & MASK
        return state, done

    return Job(step, lambda found: {"state": found[0], "receipt.units": found[1]})


@service.task("control.sweep", origin="in_repo", kernels="numpy")
def sweep(start: I64Vector, *, chunks: int, percent: int) -> Job[tuple[int, int]]:
    """Chunks of 64 KiB summed in turn, from the first of a buffer on, and a share more, from its first on again."""
    total = more("chunks", chunks, MOST_CHUNKS, percent)
    buffer = np.arange(one(start), one(start) + chunks * CHUNK).reshape(chunks, CHUNK)

    def step() -> tuple[int, int]:
        found = done = 0
        for done in range(1, total + 1):
            found += int(buffer[(done - 1) % chunks].sum())
        return found, done

    return Job(step, lambda found: {"sum": found[0], "receipt.chunks": found[1]})


@service.task("control.sleep", origin="in_repo", kernels="none")
def sleep(start: I64Vector, *, ms: int) -> Job[None]:
    """An iteration that waits."""
    return _waiting(start, ms, lambda: time.sleep(ms / 1000))


@service.task("control.spin", origin="in_repo", kernels="none")
def spin(start: I64Vector, *, ms: int) -> Job[None]:
    """An iteration that uses CPU time, as the kernel's getrusage counts it."""

    def step() -> None:
        until = cpu_seconds() + ms / 1000
        while cpu_seconds() < until:
            for _ in range(SPINS):
                pass

    return _waiting(start, ms, step)


@service.task("control.alloc", origin="in_repo", kernels="none")
def alloc(start: I64Vector, *, mib: int, hold_ms: int, shared: bool) -> Job[int]:
    """Memory mapped, every page of it written, held, read and given back."""
    first = one(start)
    within("mib", mib, 1, MOST_MIB)
    within("hold_ms", hold_ms, 0, MOST_MS)
    written = ((np.arange((mib << 20) // PAGE) + first) % 251).astype(np.uint8)
    flags = mmap.MAP_ANONYMOUS | (mmap.MAP_SHARED if shared else mmap.MAP_PRIVATE)

    def step() -> int:
        with mmap.mmap(-1, mib << 20, flags=flags) as memory:
            pages = np.frombuffer(memory, np.uint8)[::PAGE]
            pages[:] = written
            time.sleep(hold_ms / 1000)
            found = int(pages.sum())
            del pages  # Else the mapping could not be closed.
        return found

    return Job(step, lambda found: {"sum": found, "receipt.bytes": mib << 20})


def _waiting(start: I64Vector, ms: int, step: Callable[[], None]) -> Job[None]:
    first = one(start)
    within("ms", ms, 1, MOST_MS)
    return Job(step, lambda _: {"start": first, "receipt.ms": ms})


def cpu_seconds() -> float:
    """User and system time of this process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def one(start: I64Vector) -> int:
    """The number that the payload delivers."""
    require(len(start) == 1, f"start has {len(start)} elements, awaited 1")
    return int(start[0])


def within(name: str, value: int, low: int, most: int) -> None:
    """Refuse what the task's limits refuse."""
    require(low <= value <= most, f"{name} is {value}, awaited {low} to {most}")


def more(name: str, count: int, most: int, percent: int) -> int:
    """The count and a share more, which must be whole: a share that is rounded is another share."""
    within(name, count, 1, most)
    within("percent", percent, 0, 100)
    require(count * percent % 100 == 0, f"{percent} % of {name} {count} is not whole, awaited a whole number")
    return count + count * percent // 100
