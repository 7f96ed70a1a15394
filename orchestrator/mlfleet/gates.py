"""Gates on times: what no honest trial shows, whatever its quality. Pure: parts of a record in, findings out.

Here are those that a trial can judge by itself; `judged.py` has those that need the whole run.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from mlfleet.model import Bound, Finding, Reading, Roof, Sample, Turn
from mlfleet.names import Name
from mlfleet.verdict import Verdict

# Rule T2. What a call costs beside its samples, in ns; the share of them that is forgiven on top.
UNEXPLAINED_NS = 5_000_000
UNEXPLAINED_SHARE = 0.02
# The same for CPU time: meters step by up to 10 ms.
CPU_SLACK_NS = 10_000_000
# A library may beat the probe of the roof by so much.
ROOF_FACTOR = 1.5
# Bytes are held against the roof where an iteration's data is at least so many last-level caches.
MEMORY_BOUND_CACHES = 2
# time(2k) / time(k), of so many pairs, each try anew: one burst of a neighbour can skew a whole try, not all.
LINEAR_LOW, LINEAR_HIGH = 1.7, 2.3
LINEAR_PAIRS = 5
LINEAR_TRIES = 5
# A try that waited for a CPU for more than this share of it shows nothing, but for what is linear all the same.
LINEAR_WAITED_SHARE = 0.05
# CPU time of a sample from which on it tells more than the handling of its call, about 1 ms.
LINEAR_CPU_NS = 3_000_000
# The same ratio of CPU times at least: handling weighs on both, and on a busy machine, with cold caches, several ms.
LINEAR_CPU_LOW = 1.3
# Beyond it pairs would take too long.
LINEAR_LONGEST_NS = 1_000_000_000
# CPU time in the second of two halves after a reply, in ns; a half is so many seconds.
IDLE_CPU_NS = 10_000_000
IDLE_HALF_S = 0.5
IDLE_TRIES = 3
# CPU time / wall time below which a cell is said to wait.
WAITS_SHARE = 0.5
WAITS, NOT_STEADY, LINEAR_UNJUDGED = "waits", "not steady", "linear in k not judged"


def per_iteration_ns(turns: Sequence[Turn]) -> float:
    """The median over all timed samples; needs one."""
    return median(sample.ns_per_iteration for turn in turns for sample in turn.timed)


def clock_ns(turns: Sequence[Turn]) -> float | None:
    """The median of what the sentinel's hash took beside the turns: the CPU's clock. None where nobody could tell."""
    found = [one.compute.value for turn in turns for one in turn.sentinel if one.compute.value is not None]
    return median(found) if found else None


def unexplained(turn: Turn, cpus: int) -> list[Finding]:
    """Rule T2: samples account for the wall time of their turn, and for the CPU time that it took.

    What the service or the orchestrator waited for a CPU is forgiven. A reading that is null proves nothing.
    """
    wall, claimed = turn.received_ns - turn.sent_ns, _claimed_ns(turn)
    waited = _waited_ns(turn)
    findings = []
    if waited is not None and wall - claimed > UNEXPLAINED_NS + UNEXPLAINED_SHARE * wall + waited:
        findings.append(
            f"turn {turn.number} took {_ms(wall)}, of which samples claim {_ms(claimed)} and waiting for a CPU "
            f"explains {_ms(waited)}"
        )
    cpu = _ns(turn.readings.get(Name.CPU))
    if cpu is not None and cpu > (claimed * (1 + UNEXPLAINED_SHARE) + CPU_SLACK_NS) * cpus:
        findings.append(
            f"turn {turn.number} took {_ms(cpu)} of CPU time on {cpus} CPUs, of which samples claim {_ms(claimed)}"
        )
    return [Finding("time", Verdict.UNEXPLAINED_TIME.value, text) for text in findings]


def least_ns(bound: Bound | None, roof: Roof | None) -> float | None:
    """What an iteration takes at the speed of light, less what a library may beat the probe by; None: not known."""
    if bound is None or roof is None:
        return None
    times = []
    if bound.flop and bound.dtype in roof.flop_per_s:
        times.append(bound.flop / roof.flop_per_s[bound.dtype])
    cache = roof.last_level_bytes
    if roof.read_bytes_per_s and cache and bound.working_set_bytes > MEMORY_BOUND_CACHES * cache:
        # As much as the cache holds may still be there from the time before.
        fresh = bound.read_bytes * (1 - cache / bound.working_set_bytes)
        times.append(fresh / roof.read_bytes_per_s)
    return max(times) * 1e9 / ROOF_FACTOR if times else None


def beyond_light(turns: Sequence[Turn], least: float | None) -> list[Finding]:
    """Gate `speed of light`: an iteration takes at least what any admissible algorithm must take here."""
    if least is None or (found := per_iteration_ns(turns)) >= least:
        return []
    text = f"an iteration took {found:.4g} ns; what it must compute or read takes at least {least:.4g} ns here"
    return [Finding("work", Verdict.SHORT_WORK.value, text)]


def not_linear(samples: Sequence[Sample], waited_ns: Sequence[int | None], cpu_ns: Sequence[int] = ()) -> list[Finding]:
    """Gate `linear in k`: twice the iterations take twice the time, in at least one try of five pairs.

    `cpu_ns`: on a machine that is too busy for that, much more CPU time.
    """
    tries = _tries(samples, waited_ns, cpu_ns)
    failed = [one.ratio for one in tries if one.counts]
    if not failed or any(one.linear for one in tries):
        return []
    text = f"twice the iterations take {min(failed, key=lambda r: abs(r - 2)):.3g} times as long, 1.7 to 2.3 awaited"
    return [Finding("work", Verdict.SHORT_WORK.value, text)]


def unjudged(samples: Sequence[Sample], waited_ns: Sequence[int | None], cpu_ns: Sequence[int] = ()) -> tuple[str, ...]:
    """The label where the machine was too busy in every try to tell, and none was linear."""
    tries = _tries(samples, waited_ns, cpu_ns)
    return () if not tries or any(one.counts or one.linear for one in tries) else (LINEAR_UNJUDGED,)


def service_waited_ns(readings: Mapping[str, Reading]) -> int | None:
    """What a service waited for a CPU: by its cgroup's pressure, else by its threads' run queues."""
    pressure, own = (_ns(readings.get(name)) for name in (Name.CPU_PRESSURE, Name.CPU_WAIT))
    return own if pressure is None else pressure


def linear_schedule(iterations: int) -> tuple[int, ...]:
    """Five pairs of k and 2k; every second one turned around, so that a drift falls on both."""
    pair = (iterations, 2 * iterations)
    return sum((pair if number % 2 == 0 else pair[::-1] for number in range(LINEAR_PAIRS)), ())


def works_on(idle_cpu: Reading | None) -> list[Finding]:
    """Gate `background work`: half a second after a reply nothing runs any more."""
    found = _ns(idle_cpu)
    if found is None or found <= IDLE_CPU_NS:
        return []
    text = f"from {IDLE_HALF_S:g} to {2 * IDLE_HALF_S:g} s after a reply it used {_ms(found)} of CPU time"
    return [Finding("time", Verdict.BACKGROUND_WORK.value, text)]


def labels(turns: Sequence[Turn], steady: bool | None, device: str) -> tuple[str, ...]:
    """What a reader must know of a trial that passed: it waits for something else than a CPU; it never settled."""
    found = [NOT_STEADY] if steady is False else []
    cpu = [_ns(turn.readings.get(Name.CPU)) for turn in turns]
    known = [value for value in cpu if value is not None]
    if device == "cpu" and known and len(known) == len(cpu):
        # Waiting for a CPU is the machine's doing.
        wall = sum(turn.received_ns - turn.sent_ns - (_waited_ns(turn) or 0) for turn in turns)
        found += [WAITS] if sum(known) < WAITS_SHARE * wall else []
    return tuple(found)


@dataclass(frozen=True)
class _Try:
    """The ratio of medians of one try. `counts`: the machine was quiet enough for it to count against a service."""

    ratio: float
    linear: bool
    counts: bool


def _tries(samples: Sequence[Sample], waited_ns: Sequence[int | None], cpu_ns: Sequence[int]) -> list[_Try]:
    size = 2 * LINEAR_PAIRS
    found = []
    for first, waited in zip(range(0, len(samples), size), waited_ns, strict=True):
        tried = samples[first : first + size]
        wall, ratio = tried[-1].end_ns - tried[0].start_ns, _doubling(tried)
        is_quiet = waited is None or waited <= LINEAR_WAITED_SHARE * wall
        found.append(_Try(ratio, LINEAR_LOW <= ratio <= LINEAR_HIGH, is_quiet))
    if cpu_ns:
        single, double = (
            median(ns for ns, k in zip(cpu_ns, linear_schedule(1), strict=True) if k == times) for times in (1, 2)
        )
        if single >= LINEAR_CPU_NS:
            found.append(_Try(double / single, double / single >= LINEAR_CPU_LOW, counts=True))
    return found


def _doubling(samples: Sequence[Sample]) -> float:
    least = min(sample.iterations for sample in samples)
    single, double = (
        median(sample.end_ns - sample.start_ns for sample in samples if (sample.iterations > least) is many)
        for many in (False, True)
    )
    return double / max(single, 1)


def _claimed_ns(turn: Turn) -> int:
    return sum(sample.end_ns - sample.start_ns for sample in turn.samples)


def _waited_ns(turn: Turn) -> int | None:
    """What the service waited, and the orchestrator's own threads on top."""
    service = service_waited_ns(turn.readings)
    return None if service is None else service + (_ns(turn.readings.get(Name.OWN_WAIT)) or 0)


def _ns(reading: Reading | None) -> int | None:
    if reading is None or reading.value is None:
        return None
    return reading.value * 1000 if reading.unit == "us" else reading.value


def _ms(ns: float) -> str:
    return f"{ns / 1e6:.4g} ms"
