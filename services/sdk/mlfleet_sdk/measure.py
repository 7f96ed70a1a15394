"""The timed region: clock, k calls of step, clock, and nothing else between."""

import time
from collections.abc import Callable, Sequence
from itertools import repeat
from typing import Any

from mlfleet_stubs import benchmark_pb2 as pb

from mlfleet_sdk.errors import require

MAX_SAMPLES = 100_000


def check_schedule(schedule: Sequence[int]) -> None:
    """Raise InvalidArgument unless the schedule has 1 to 100,000 entries of at least 1."""
    require(0 < len(schedule) <= MAX_SAMPLES, f"schedule has {len(schedule)} entries, awaited 1 to {MAX_SAMPLES}")
    require(min(schedule) > 0, "schedule holds a 0, awaited at least 1 iteration per sample")


def measure(step: Callable[[], Any], schedule: Sequence[int]) -> tuple[list[pb.Sample], Any]:
    """Run the schedule exactly; gives its samples and the result of the last iteration.

    Garbage collection stays on: users pay for it.
    """
    clock = time.monotonic_ns
    starts = [0] * len(schedule)
    ends = [0] * len(schedule)
    result = None
    for number, iterations in enumerate(schedule):
        calls = repeat(None, iterations)
        start = clock()
        for _ in calls:
            result = step()
        end = clock()
        starts[number] = start
        ends[number] = end
    samples = [
        pb.Sample(iterations=iterations, start_ns=start, end_ns=end)
        for iterations, start, end in zip(schedule, starts, ends, strict=True)
    ]
    return samples, result
