"""What a trial's record says of its own start: times of phases and memory at rest, each a number or why there is none.

Times are ns, memory is bytes, both as recorded; nothing here is estimated.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from mlfleet.model import Record
from mlfleet.names import Name
from mlfleet.values import phase
from mlfleet.verdict import NOT_FRESH

Read = Callable[[Record], tuple[float | None, str]]
# The trial ended before; its record has no such reading; the service's stamps are not of the orchestrator's clock.
NOT_REACHED, NOT_RECORDED, OWN_CLOCK = "not_reached", "not_recorded", "no_shared_clock"
# Memory at rest is read in one trial of a service.
NOT_ASKED = "not_asked"


@dataclass(frozen=True)
class Cost:
    """One column: what it is called, how it is read, and whether it is of a framework alone or of a workload too."""

    name: str
    read: Read
    unit: Literal["ns", "bytes"]
    of: Literal["framework", "cell"]
    # It begins where a process is created: not to be seen where somebody else starts the services.
    start: bool = False


def launch(record: Record) -> tuple[float | None, str]:
    """From the request to create it until its start has returned."""
    return _spent(record, "launch")


def imported(record: Record) -> tuple[float | None, str]:
    """From there until SERVING."""
    return _spent(record, "import")


def prepared(record: Record) -> tuple[float | None, str]:
    """The whole of Prepare: transport, digests, job."""
    return _spent(record, "prepare")


def job_built(record: Record) -> tuple[float | None, str]:
    """The part of prepare that builds the job, where a model is loaded: between two stamps of the service."""
    if record.prepared is None:
        return None, NOT_REACHED
    return float(record.prepared.ready_ns - record.prepared.verified_ns), ""


def cold(record: Record) -> tuple[float | None, str]:
    """The first iteration of a fresh process."""
    if NOT_FRESH in record.flags:
        return None, NOT_FRESH
    return (record.cold.ns_per_iteration, "") if record.cold else (None, NOT_REACHED)


def first_answer(record: Record) -> tuple[float | None, str]:
    """From the request to create it to the end of the cold sample: the orchestrator's stamp and the service's.

    Less what reading memory at rest took, where that came between.
    """
    begun = phase(record, "launch")
    if begun is None or record.cold is None:
        return None, NOT_REACHED
    if record.clock != "shared":
        return None, OWN_CLOCK
    return float(record.cold.end_ns - begun.start_ns) - (_spent(record, "idle")[0] or 0.0), ""


def anonymous(record: Record) -> tuple[float | None, str]:
    """Anonymous memory once it was SERVING."""
    return _level(record, Name.ANONYMOUS)


def charged(record: Record) -> tuple[float | None, str]:
    """Charged memory once it was SERVING."""
    return _level(record, Name.CHARGED)


def idle_anonymous(record: Record) -> tuple[float | None, str]:
    """Anonymous memory a second later, before any data."""
    return _at_rest(record, Name.ANONYMOUS)


def idle_charged(record: Record) -> tuple[float | None, str]:
    """Charged memory a second later, before any data."""
    return _at_rest(record, Name.CHARGED)


COSTS: tuple[Cost, ...] = (
    Cost("launch", launch, "ns", "framework", start=True),
    Cost("import", imported, "ns", "framework", start=True),
    Cost("anonymous after import", anonymous, "bytes", "framework"),
    Cost("charged after import", charged, "bytes", "framework"),
    Cost("idle anonymous", idle_anonymous, "bytes", "framework"),
    Cost("idle charged", idle_charged, "bytes", "framework"),
    Cost("prepare", prepared, "ns", "cell"),
    Cost("of it the job, with its model", job_built, "ns", "cell"),
    Cost("cold iteration", cold, "ns", "cell"),
    Cost("first answer", first_answer, "ns", "cell", start=True),
)


def _spent(record: Record, name: str) -> tuple[float | None, str]:
    found = phase(record, name)
    return (float(found.end_ns - found.start_ns), "") if found else (None, NOT_REACHED)


def _at_rest(record: Record, name: Name) -> tuple[float | None, str]:
    return (None, NOT_FRESH) if NOT_FRESH in record.flags else _level(record, name, "idle")


def _level(record: Record, name: Name, after: str = "import") -> tuple[float | None, str]:
    found = phase(record, after)
    if found is None:
        return None, NOT_ASKED if phase(record, "import") else NOT_REACHED
    reading = found.readings.get(name)
    if reading is None:
        return None, NOT_RECORDED
    return (None, reading.reason or "lost") if reading.value is None else (float(reading.value), "")
