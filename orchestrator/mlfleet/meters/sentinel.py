"""The sentinel: a work of the orchestrator's own, always the same, that sees clocks and memory bandwidth change.

It does not see a neighbour on its own CPU, since its minimum fits between two time slices: pressure and foreign CPU
time see that one. It takes about 5 ms, while everything measured is frozen.
"""

import hashlib
import mmap
import os
import threading
import time
from collections.abc import Callable

from mlfleet.model import Reading, Sentinel

HASHED_BYTES = 64 << 10
COPIED_BYTES = 8 << 20
# A half takes its minimum of so many.
REPEATS = 3
# What the hashes of the compute half take, in ns: their number is found once.
COMPUTE_NS = 1_000_000
# Slices rotate through a buffer of so many last-level caches, so that none is there still when its turn comes again.
CACHES = 4
# Where the machine does not tell its cache (32 MiB), and what the buffer may take at most (1 GiB).
ASSUMED_CACHE_BYTES, BUFFER_BYTES = 32 << 20, 1 << 30
COMPUTE_SOURCE, MEMORY_SOURCE = "SHA-256 of 64 KiB", "copy of 8 MiB"


class SentinelWork:
    """Both halves. The buffer is touched and the number of hashes found when it is first asked for."""

    def __init__(self, cache_bytes: int | None, clock: Callable[[], int] = time.monotonic_ns) -> None:
        """`cache_bytes`: of the last level; None: the machine does not tell."""
        span = min(CACHES * (cache_bytes or ASSUMED_CACHE_BYTES), BUFFER_BYTES)
        # At least two, of which one is copied to the other.
        self._slices = max(span // COPIED_BYTES, 2)
        self._clock = clock
        self._block = bytes(HASHED_BYTES)
        self._buffer: memoryview | None = None
        self._hashes = 0
        self._next = 0

    def __call__(self, cpu: int) -> Sentinel:
        """Work on a thread of its own on that CPU; null where this process may not run there."""
        found: list[Sentinel] = []
        failures: list[BaseException] = []

        def body() -> None:
            try:
                # Of the calling thread alone.
                os.sched_setaffinity(0, {cpu})
            except OSError:
                found.append(_unread("no_permission"))
                return
            try:
                found.append(self._both())
            except BaseException as failure:  # noqa: BLE001 - a thread's error would only be printed
                failures.append(failure)

        thread = threading.Thread(target=body, name="sentinel")
        thread.start()
        thread.join()
        if failures:
            raise failures[0]
        return found[0]

    def _both(self) -> Sentinel:
        if self._buffer is None:
            self._buffer = _touched(self._slices)
            self._hashes = self._count()
        compute = min(self._timed(self._hash) for _ in range(REPEATS)) // self._hashes
        memory = min(self._timed(self._copy) for _ in range(REPEATS))
        return Sentinel(Reading(compute, "ns", COMPUTE_SOURCE), Reading(memory, "ns", MEMORY_SOURCE))

    def _count(self) -> int:
        """How many hashes last 1 ms on this machine."""
        self._hashes = 1
        one = min(self._timed(self._hash) for _ in range(REPEATS))
        return max(round(COMPUTE_NS / max(one, 1)), 1)

    def _timed(self, work: Callable[[], None]) -> int:
        start = self._clock()
        work()
        return self._clock() - start

    def _hash(self) -> None:
        for _ in range(self._hashes):
            hashlib.sha256(self._block).digest()

    def _copy(self) -> None:
        """Half of the buffer lies between a slice and its copy, and all of it between two readings of one slice."""
        assert self._buffer is not None, "it was made first"  # noqa: S101
        source, self._next = self._next, (self._next + 1) % self._slices
        target = (source + self._slices // 2) % self._slices
        self._buffer[_place(target)] = self._buffer[_place(source)]


def _touched(slices: int) -> memoryview:
    """A buffer whose pages are there: the first write to each would be timed otherwise."""
    buffer = memoryview(mmap.mmap(-1, slices * COPIED_BYTES))
    filled = bytes(COPIED_BYTES)
    for number in range(slices):
        buffer[_place(number)] = filled
    return buffer


def _place(number: int) -> slice:
    return slice(number * COPIED_BYTES, (number + 1) * COPIED_BYTES)


def _unread(reason: str) -> Sentinel:
    return Sentinel(Reading(None, "ns", COMPUTE_SOURCE, reason), Reading(None, "ns", MEMORY_SOURCE, reason))
