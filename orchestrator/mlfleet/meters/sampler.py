"""The 100 Hz line between the edges of a turn: one thread that sleeps to absolute deadlines and never spins."""

import os
import select
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from mlfleet.model import Reading

PERIOD_NS = 10_000_000
# Charged and anonymous bytes; None: unreadable.
Watch = Callable[[], tuple[int | None, int | None]]


@dataclass
class Sampled:
    """What the line saw; complete once sampling has ended."""

    charged_max: int | None = None
    anonymous_max: int | None = None
    samples: int = 0
    # Deadlines that passed unread; they are not caught up.
    missed: int = 0
    # Longest time between two samples, or an end of the line and the nearest one.
    gap_ns: int = 0
    # CPU time of the sampler itself.
    own_cpu_ns: int = 0
    # The machine where the line began and where it ended; None: nobody looked.
    machine: tuple[Mapping[str, Reading], Mapping[str, Reading]] | None = None

    def add(self, charged: int | None, anonymous: int | None) -> None:
        """Take in one sample."""
        self.samples += 1
        self.charged_max = highest(self.charged_max, charged)
        self.anonymous_max = highest(self.anonymous_max, anonymous)


def highest(*values: int | None) -> int | None:
    """Return the largest of the known values; None if none is known."""
    return max((value for value in values if value is not None), default=None)


def run_line(watch: Watch, into: Sampled, clock: Callable[[], int], wait: Callable[[float], bool]) -> None:
    """Sample until `wait(seconds)` says stop; `clock` in ns."""
    last = deadline = clock()
    while True:
        deadline += PERIOD_NS
        if wait((deadline - clock()) / 1e9):
            break
        into.add(*watch())
        now = clock()
        into.gap_ns = max(into.gap_ns, now - last)
        last = now
        late = (now - deadline) // PERIOD_NS
        if late > 0:
            into.missed += late
            deadline += late * PERIOD_NS
    into.gap_ns = max(into.gap_ns, clock() - last)


@contextmanager
def sampling(watch: Watch) -> Iterator[Sampled]:
    """Sample on a thread of its own while the context is open. Re-raises what went wrong in there."""
    into, failures = Sampled(), list[BaseException]()
    # A pipe, since waking from an Event's time-out costs half as much again: at 100 Hz after idle, waking is the price.
    # And select, since poll and epoll know whole milliseconds only.
    reader, writer = os.pipe2(os.O_CLOEXEC)

    def body() -> None:
        try:
            run_line(watch, into, time.monotonic_ns, lambda s: bool(select.select([reader], [], [], max(s, 0))[0]))
        except BaseException as failure:  # noqa: BLE001 - a thread's error would only be printed
            failures.append(failure)
        into.own_cpu_ns = time.thread_time_ns()

    thread = threading.Thread(target=body, name="sampler")
    thread.start()
    try:
        yield into
    finally:
        os.close(writer)
        thread.join()
        os.close(reader)
    if failures:
        raise failures[0]
