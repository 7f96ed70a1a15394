"""A turn on a calm machine, and what a test makes of it."""

from mlfleet.meters.reading import null, unit_of
from mlfleet.model import Reading, Sample, Sentinel, Turn
from mlfleet.names import Name

MS = 1_000_000
# One second from thaw to freeze on two CPUs, of which the service took 1.2 s and others 0.1 s; two more CPUs idle.
CPUS = 2
CALM = {
    Name.CPU: 1200 * MS,
    Name.SET_BUSY: 1300 * MS,
    Name.SET_STEAL: 0,
    Name.OTHERS_BUSY: 50 * MS,
    Name.OTHER_CPUS: 2,
    Name.CPU_PRESSURE: 40_000,
    Name.MEMORY_PRESSURE: 0,
    Name.THROTTLED_PERIODS: 0,
    Name.MAJOR_FAULTS: 0,
    Name.CORE_THROTTLES: 0,
    Name.SAMPLER_GAP: 10 * MS,
}


def turn(window_ms=1000, sentinel=(), **values):
    given = CALM | {Name[name.upper()]: value for name, value in values.items()}
    readings = {
        name.value: null(name, "x", "lost") if value is None else Reading(value, unit_of(name), "x")
        for name, value in given.items()
    }
    start = 5 * MS
    end = start + window_ms * MS
    sample = Sample(1, start + MS, end - MS)
    return Turn(1, 1, 0, start + MS, end - MS, (sample,), readings, start, end, sentinel)


def sentinel(compute, memory):
    return Sentinel(Reading(compute, "ns", "SHA-256"), Reading(memory, "ns", "copy"))
