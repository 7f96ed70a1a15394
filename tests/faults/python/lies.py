"""For tests only: the service cpython, honest, but for the one lie about its time that MLFLEET_FAULT names.

Every answer of it is right, and every receipt as planned: only gates on times can tell.
"""

import hashlib
import os
import sys
import threading
import time

import mlfleet_sdk.servicer
from mlfleet_sdk import I64Matrix, Job, Rotation, Service
from mlfleet_stubs import benchmark_pb2 as pb

MEMOISE, WORKS_ON, FOLDED, ONCE, CLAIMS = FAULTS = ("memoise", "works_on", "folded", "once", "claims")
fault = os.environ.get("MLFLEET_FAULT")
if fault is not None and fault not in FAULTS:
    sys.exit(f"MLFLEET_FAULT is {fault!r}; awaited one of: {', '.join(FAULTS)}")
service = Service("cpython", "3.11")
# Answers by what was asked, for as long as the process lives.
MEMORY: dict[bytes, int] = {}
# How long it works on after the last step, in s.
AFTER_S = 3.0


def total_of(key, numbers):
    """The sum of the numbers; one that remembers asks its memory first."""
    if fault == MEMOISE and key in MEMORY:
        return MEMORY[key]
    total = 0
    for number in numbers:
        total += number
    MEMORY[key] = total
    return total


class After:
    """Computes for a while after each step, when nobody looks."""

    def __init__(self):
        self.until = 0.0
        threading.Thread(target=self.work, daemon=True).start()

    def work(self):
        while True:
            while time.monotonic() < self.until:
                sum(range(1000))
            time.sleep(0.01)


after = After() if fault == WORKS_ON else None


def spoilt(step):
    """The step, and what the fault does after it."""

    def works_on():
        found = step()
        after.until = time.monotonic() + AFTER_S
        return found

    return works_on if fault == WORKS_ON else step


@service.task("sum.range", origin="in_repo", kernels="none")
def sum_range(*, n: int) -> Job[int]:
    """1 + ... + n, term by term; folded it is a formula."""

    def step():
        return n * (n + 1) // 2 if fault == FOLDED else total_of(b"%d" % n, range(1, n + 1))

    return Job(spoilt(step), lambda total: {"sum": total, "receipt.additions": n})


@service.task("sum.loop", origin="in_repo", kernels="none")
def sum_loop(buffers: I64Matrix) -> Job[None]:
    """The sum of the next buffer."""
    asked = [(hashlib.sha256(buffer).digest(), buffer.tolist()) for buffer in buffers]
    turns = Rotation(asked, lambda one: (total_of(*one), len(one[1])))
    return Job(spoilt(turns.step), lambda _: {"sum": turns.first[0], "receipt.additions": turns.first[1]})


honest = mlfleet_sdk.servicer.measure


def claimed(step, schedule):
    """Samples that end after a tenth of what they took: a smaller share only makes schedules longer."""
    samples, result = honest(step, schedule)
    return [_sample(one.iterations, one.start_ns, (9 * one.start_ns + one.end_ns) // 10) for one in samples], result


def once(step, schedule):
    """One step a sample, whatever was asked for."""
    samples, result = honest(step, [1] * len(schedule))
    return [_sample(k, one.start_ns, one.end_ns) for k, one in zip(schedule, samples, strict=True)], result


def _sample(iterations, start_ns, end_ns):
    return pb.Sample(iterations=iterations, start_ns=start_ns, end_ns=end_ns)


mlfleet_sdk.servicer.measure = {CLAIMS: claimed, ONCE: once}.get(fault, honest)
