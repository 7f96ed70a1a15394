"""Flags of a turn: what its machine did besides. Pure; they read the environment, never a framework's time.

All but `sentinel` are known as soon as the turn's readings are, and are kept with it. `sentinel` needs the median of
the whole run, so whoever folds a run asks `turn_flags` for all of them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from statistics import median
from typing import Self, get_args

from mlfleet.model import Reading, Sentinel, Turn
from mlfleet.names import Name
from mlfleet.verdict import TurnFlag

# Of /proc/stat, in ns: what steps by it is known no better than by two of them.
TICK_NS = 10_000_000
TICKS = 2
# Longest silence of the sampler.
GAP_NS = 1_000_000_000
# Starting values of the limits: shares of the turn, or of the turn times its CPUs. On a quiet virtual machine waiting
# was 0 to 4 %, with a neighbour 17 to 100 %; foreign CPU time -3 to 5 %, with a neighbour 39 to 54 %.
STOLEN, WAITING, MEMORY_PRESSURE, FOREIGN, LOAD = 0.01, 0.05, 0.01, 0.10, 0.20
# Distances of a sentinel from the run's median: 0 to 1 % and 1 to 3 % of quiet readings lay beyond.
COMPUTE, MEMORY = 0.05, 0.10
# Of a whole trial: waiting for a CPU as a share of CPU time (quiet at most 0.39, beside a neighbour from 1.04 on), and
# what others, or the hypervisor, took of the CPU set.
TRIAL_WAIT, TRIAL_FOREIGN, TRIAL_STOLEN = 0.5, 0.05, 0.05
# A host's own limit is this many times the 99th percentile that `doctor --calibrate` saw, if that is more.
FITTED = 1.5
_RECORDED = "noise_limits."


@dataclass(frozen=True)
class Limits:
    """Beyond these a turn is flagged, or a trial disturbed; each is the starting value or this host's own."""

    stolen: float = STOLEN
    waiting: float = WAITING
    memory_pressure: float = MEMORY_PRESSURE
    foreign: float = FOREIGN
    load: float = LOAD
    compute: float = COMPUTE
    memory: float = MEMORY
    trial_wait: float = TRIAL_WAIT
    trial_foreign: float = TRIAL_FOREIGN
    trial_stolen: float = TRIAL_STOLEN

    @classmethod
    def fitted(cls, percentiles: Mapping[str, float]) -> Self:
        """The limits of a host whose quiet turns had these 99th percentiles, by the names of `shares` and Limits."""
        sources = {"trial_wait": "wait", "trial_foreign": "foreign", "trial_stolen": "stolen"}
        found = {field.name: percentiles.get(sources.get(field.name, field.name), 0.0) for field in fields(cls)}
        return cls(**{name: max(value, FITTED * found[name]) for name, value in asdict(cls()).items()})

    @classmethod
    def of_run(cls, constants: Mapping[str, float]) -> Self:
        """The limits that a run was begun with, from its run.json."""
        known = {field.name for field in fields(cls)}
        found = {name.removeprefix(_RECORDED): value for name, value in constants.items() if name.startswith(_RECORDED)}
        return cls(**{name: float(value) for name, value in found.items() if name in known})

    def constants(self) -> dict[str, float]:
        """The entries of run.json that `of_run` reads."""
        return {_RECORDED + name: value for name, value in asdict(self).items()}


@dataclass(frozen=True)
class Quiet:
    """What is usual in a run: its median sentinel, None where there was none, and the limits it was begun with."""

    compute_ns: float | None
    memory_ns: float | None
    limits: Limits


def quiet(turns: Iterable[Turn], constants: Mapping[str, float]) -> Quiet:
    """What is usual in the run of these turns, all of them; `constants` as in its run.json."""
    before = [turn.sentinel[0] for turn in turns if turn.sentinel]
    return Quiet(
        _median(sentinel.compute for sentinel in before),
        _median(sentinel.memory for sentinel in before),
        Limits.of_run(constants),
    )


def turn_flags(turn: Turn, usual: Quiet) -> tuple[TurnFlag, ...]:
    """All flags of a turn: those it was recorded with, and `sentinel`. A fold asks `quiet` of all its turns first."""
    flags: set[TurnFlag] = set(turn.flags)
    if any(_unusual(sentinel, usual) for sentinel in turn.sentinel):
        flags.add("sentinel")
    return _sorted(flags)


def known_flags(turn: Turn, cpus: int, limits: Limits) -> tuple[TurnFlag, ...]:
    """The flags that a turn's own readings give; what is null proves nothing. `cpus`: how many the CPU set has."""
    share, readings = shares(turn, cpus), turn.readings
    tick = TICKS * TICK_NS / window_ns(turn)
    beyond: dict[TurnFlag, bool] = {
        "throttled": (value_of(readings, Name.THROTTLED_PERIODS) or 0) > 0,
        "stolen": share.get("stolen", 0.0) > max(tick / cpus, limits.stolen),
        "pressure": share.get("waiting", 0.0) > limits.waiting
        or share.get("memory_pressure", 0.0) > limits.memory_pressure,
        "foreign": share.get("foreign", 0.0) > max(tick, limits.foreign),
        "load": share.get("load", 0.0) > limits.load,
        "faults": (value_of(readings, Name.MAJOR_FAULTS) or 0) > 0,
        "hot": (value_of(readings, Name.CORE_THROTTLES) or 0) > 0,
        "gap": (value_of(readings, Name.SAMPLER_GAP) or 0) > GAP_NS,
    }
    return _sorted({flag for flag, is_so in beyond.items() if is_so})


def shares(turn: Turn, cpus: int) -> dict[str, float]:
    """What of a turn was not the service's, by the names of Limits, and `wait`: waiting for a CPU / CPU time.

    What a null reading leaves unknown is absent. Others' time on the CPU set is what it was busy less the service's.
    """
    readings, window = turn.readings, window_ns(turn)
    busy, own = value_of(readings, Name.SET_BUSY), value_of(readings, Name.CPU)
    waited, others = cpu_wait_ns(readings), value_of(readings, Name.OTHER_CPUS)
    found = {
        "stolen": _over(value_of(readings, Name.SET_STEAL), window * cpus),
        "waiting": _over(_waited_for_others(turn, cpus, waited, own), window),
        "memory_pressure": _over(value_of(readings, Name.MEMORY_PRESSURE), window / 1000),
        "foreign": None if busy is None or own is None else (busy - own) / (window * cpus),
        "load": _over(value_of(readings, Name.OTHERS_BUSY), window * (others or 0)),
        "wait": _over(waited, own or 0),
    }
    return {name: share for name, share in found.items() if share is not None}


def window_ns(turn: Turn) -> int:
    """From thaw to freeze, or (older records) from call to answer; at least a nanosecond."""
    if turn.thawed_ns is None or turn.frozen_ns is None:
        return max(turn.received_ns - turn.sent_ns, 1)
    return max(turn.frozen_ns - turn.thawed_ns, 1)


def cpu_wait_ns(readings: Mapping[str, Reading]) -> int | None:
    """How long the service waited for a CPU: its cgroup's pressure, or (process runtime) its threads' run queues."""
    known = (value_of(readings, name) for name in (Name.CPU_PRESSURE, Name.CPU_WAIT))
    found = next((value for value in known if value is not None), None)
    return None if found is None else found * 1000


def _waited_for_others(turn: Turn, cpus: int, waited: int | None, own: int | None) -> int | None:
    """In ns, at most what others can have had of the call: all CPU time but the service's own.

    A thread that waits behind another of its service counts as waiting, too, and nobody disturbed it.
    """
    if waited is None or own is None:
        return waited
    return min(waited, max((turn.received_ns - turn.sent_ns) * cpus - own, 0))


def value_of(readings: Mapping[str, Reading], name: Name) -> int | None:
    """The reading's value; None where it is null or was never taken."""
    reading = readings.get(name)
    return None if reading is None else reading.value


def distances(sentinel: Sentinel, usual: Quiet) -> dict[str, float]:
    """How far a sentinel is from what is usual, as a share, by the names of Limits; what is unknown is absent."""
    pairs = {"compute": (sentinel.compute, usual.compute_ns), "memory": (sentinel.memory, usual.memory_ns)}
    return {
        name: abs(reading.value / middle - 1) for name, (reading, middle) in pairs.items() if reading.value and middle
    }


def _unusual(sentinel: Sentinel, usual: Quiet) -> bool:
    limits = {"compute": usual.limits.compute, "memory": usual.limits.memory}
    return any(distance > limits[name] for name, distance in distances(sentinel, usual).items())


def _median(readings: Iterable[Reading]) -> float | None:
    known = [reading.value for reading in readings if reading.value is not None]
    return float(median(known)) if known else None


def _over(part: int | None, whole: float) -> float | None:
    return None if part is None or whole <= 0 else part / whole


def _sorted(flags: set[TurnFlag]) -> tuple[TurnFlag, ...]:
    return tuple(flag for flag in get_args(TurnFlag) if flag in flags)
