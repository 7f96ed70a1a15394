"""Who touches a file's pages first is charged for them: the payload's are the orchestrator's, which reads it before."""

from collections.abc import Mapping, Sequence

from mlfleet.model import Environment, Phase, Reading
from mlfleet.names import Name

# Of a payload, found in a container's file pages: more, and its memory is no longer its own.
PAYLOAD_SHARE = 0.10
# The kernel batches memory accounting in up to 64 pages per CPU: growth below that says nothing.
BATCH_BYTES = 64 * 4096
LABEL = "payload_charged"


def payload_pages(
    before: Mapping[str, Reading], after: Mapping[str, Reading], environment: Environment, payload_bytes: int
) -> Reading:
    """How much a container's file pages grew between the edges of import and of prepare, in bytes.

    Null where the payload would not show in them: it was streamed; it is too small; a process's file pages are those
    that it maps, whoever is charged for them.
    """
    old, new = before.get(Name.FILE), after.get(Name.FILE)
    small = PAYLOAD_SHARE * payload_bytes <= BATCH_BYTES * len(environment.cpus)
    if small or environment.runtime == "process" or environment.transport != "mapped":
        return Reading(None, "bytes", "memory.stat", "not_applicable")
    if old is None or new is None or old.value is None or new.value is None:
        unread = new if old is None or old.value is not None else old
        return unread or Reading(None, "bytes", "memory.stat", "lost")
    return Reading(max(new.value - old.value, 0), new.unit, new.source, method="since_import")


def with_pages(
    imported: Mapping[str, Reading], prepared: Mapping[str, Reading], environment: Environment, payload_bytes: int
) -> dict[str, Reading]:
    """The edge after prepare, and what of the payload shows in it."""
    pages = payload_pages(imported, prepared, environment, payload_bytes)
    return {**prepared, Name.PAYLOAD_PAGES: pages}


def labels(phases: Sequence[Phase], payload_bytes: int) -> tuple[str, ...]:
    """Label a trial whose container was charged for more than a tenth of the payload."""
    found = [phase.readings.get(Name.PAYLOAD_PAGES) for phase in phases if phase.name == "prepare"]
    values = [reading.value for reading in found if reading is not None and reading.value is not None]
    return (LABEL,) if any(value > PAYLOAD_SHARE * payload_bytes for value in values) else ()
